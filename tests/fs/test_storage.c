/* SPDX-License-Identifier: MIT */
#include "storage_fixture.h"

#include <errno.h>

static void shuffle(uint32_t *order, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = rng_below(&rng, i), t = order[i - 1];

        order[i - 1] = order[j];
        order[j] = t;
    }
}

/* Random files, some empty, some padding, in different folders. */
static void make_random(struct sample *sample, unsigned n_files, uint64_t length_max)
{
    struct sample_file files[64];
    char names[64][32];

    for (unsigned i = 0; i < n_files; i++) {
        bool pad = i && rng_below(&rng, 4) == 0;

        snprintf(names[i], sizeof names[i], pad ? ".pad/%u" : i % 3 ? "f%u" : "sub/deep/f%u", i);
        files[i] = (struct sample_file){
            names[i], rng_below(&rng, 5) ? rng_below(&rng, (uint32_t)length_max) : 0,
            pad ? "p" : NULL};
        if (!i)
            files[i].length = length_max;
        if (pad && !files[i].length)
            files[i].length = 1;
    }
    sample_make(sample, &rng, 32768u << rng_below(&rng, 2), files, n_files);
}

/* Pieces in any order, blocks in any order, over any files; sometimes reopened in between. */
static void download_random(enum allocation allocation, uint64_t seed)
{
    struct sample sample;
    struct storage *s;
    uint32_t order[4096], n;

    begin(seed);
    make_random(&sample, 1 + rng_below(&rng, 20), 300000);
    n = sample.n_pieces;
    ck_assert_uint_le(n, 4096);
    shuffle(order, n);
    s = open_storage(&sample, allocation, NULL);
    check(s, CHECK_DOUBTFUL); /* a piece of padding only is complete from the start */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t n_blocks = n_blocks_of(&sample, order[i]), cut = rng_below(&rng, n_blocks + 1);

        if (cut < n_blocks)
            ck_assert_int_eq(
                write_blocks(&sample, s, order[i], cut, n_blocks - cut, &bob, GOOD_BYTES), 0);
        if (cut)
            ck_assert_int_eq(write_blocks(&sample, s, order[i], 0, cut, &alice, GOOD_BYTES), 0);
        if (rng_below(&rng, 3) == 0 || i == n - 1)
            hash_waiting(s);
        count_events(s, STORAGE_COMPLETED);
        if (rng_below(&rng, 10) == 0) {
            uint32_t n_have;
            bool crash = rng_below(&rng, 2);

            hash_waiting(s);
            count_events(s, STORAGE_COMPLETED);
            n_have = storage_have(s)->n_set;
            if (crash)
                storage_free(s);
            else
                close_storage(s);
            s = open_storage(&sample, allocation, NULL);
            if (crash)
                check(s, CHECK_DOUBTFUL);
            ck_assert_uint_ge(storage_n_doubtful(s) + storage_have(s)->n_set, n_have);
            if (crash)
                ck_assert_uint_ge(storage_have(s)->n_set, n_have);
        }
    }
    hash_waiting(s);
    ck_assert(bitfield_all(storage_have(s)));
    expect_all_files(&sample, NULL);
    close_storage(s);
    s = open_storage(&sample, allocation, NULL);
    ck_assert(bitfield_all(storage_have(s)));
    ck_assert_uint_eq(storage_uploaded(s), 11);
    ck_assert_uint_eq(storage_downloaded(s), 22);
    check(s, CHECK_ALL);
    ck_assert(bitfield_all(storage_have(s)));
    close_storage(s);
    end(&sample);
}

/* Downloads wanted pieces only; their bytes in other files are stored in part files. */
static void download_selection(enum allocation allocation, uint64_t seed)
{
    bool skip[64] = {0};
    struct sample sample;
    struct storage *s;
    uint32_t order[4096];

    begin(seed);
    make_random(&sample, 2 + rng_below(&rng, 10), 200000);
    for (uint32_t file = 0; file < metainfo_n_files(sample.meta); file++)
        skip[file] = rng_below(&rng, 2);
    shuffle(order, sample.n_pieces);
    s = open_storage(&sample, allocation, skip);
    check(s, CHECK_DOUBTFUL);
    for (uint32_t i = 0; i < sample.n_pieces; i++) {
        uint64_t from = (uint64_t)order[i] * sample.piece_length;
        uint64_t to = from + geometry_piece_size(metainfo_geometry(sample.meta), order[i]);
        bool wanted = false;

        for (uint32_t file = 0; file < metainfo_n_files(sample.meta); file++) {
            const struct metainfo_file *f = metainfo_file(sample.meta, file);

            wanted |= !skip[file] && !f->padding && f->length && f->offset < to &&
                      f->offset + f->length > from;
        }
        if (wanted)
            write_piece(&sample, s, order[i]);
    }
    hash_waiting(s);
    expect_all_files(&sample, skip);
    close_storage(s);
    s = open_storage(&sample, allocation, skip);
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
    check(s, CHECK_ALL);
    expect_all_files(&sample, skip);
    close_storage(s);
    /* Later all files are wanted: no piece is claimed wrongly, and the rest can be downloaded. */
    s = open_storage(&sample, allocation, NULL);
    check(s, CHECK_DOUBTFUL);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
        if (!bitfield_test(storage_have(s), piece))
            write_piece(&sample, s, piece);
    hash_waiting(s);
    ck_assert(bitfield_all(storage_have(s)));
    expect_all_files(&sample, NULL);
    close_storage(s);
    end(&sample);
}

START_TEST(any_order_of_arrival_gives_the_content_with_holes)
{
    for (uint64_t seed = 1; seed <= 30; seed++)
        download_random(ALLOCATION_SPARSE, seed);
}
END_TEST

START_TEST(any_order_of_arrival_gives_the_content_in_reserved_room)
{
    for (uint64_t seed = 100; seed <= 115; seed++)
        download_random(ALLOCATION_FULL, seed);
}
END_TEST

START_TEST(any_order_of_arrival_gives_the_content_without_holes)
{
    for (uint64_t seed = 200; seed <= 260; seed++)
        download_random(ALLOCATION_COMPACT, seed);
}
END_TEST

START_TEST(files_that_are_not_wanted_are_not_created)
{
    for (uint64_t seed = 300; seed <= 330; seed++)
        download_selection(ALLOCATION_SPARSE, seed);
    for (uint64_t seed = 400; seed <= 430; seed++)
        download_selection(ALLOCATION_COMPACT, seed);
}
END_TEST

START_TEST(a_torrent_is_locked_while_it_is_open)
{
    struct storage *s, *second = NULL;
    struct sample sample;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(try_open(&sample, ALLOCATION_SPARSE, NULL, &second), -EBUSY);
    storage_free(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(blocks_of_unverified_pieces_are_listed)
{
    struct stored_blocks stored;
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(storage_list_stored(s, &stored), 0);
    ck_assert(!stored.n && !stored.runs);
    write_piece(&sample, s, 0);
    hash_waiting(s);
    ck_assert_int_eq(write_blocks(&sample, s, 1, 1, 2, &alice, GOOD_BYTES), 0);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(storage_list_stored(s, &stored), 0);
    ck_assert_uint_eq(stored.n, 1);
    ck_assert(stored.runs[0].piece == 1 && stored.runs[0].first_block == 0 &&
              stored.runs[0].blocks == 6);
    stored_blocks_deinit(&stored);
    stored_blocks_deinit(&stored);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(a_sparse_file_of_a_hundred_gib_uses_no_disk)
{
    const uint64_t length = UINT64_C(100) << 30;
    const uint32_t piece_length = 16u << 20, n_pieces = (uint32_t)(length / piece_length);
    uint8_t *piece = calloc(1, piece_length), *hashes = calloc(n_pieces, SHA1_SIZE);
    struct bencode_writer w = BENCODE_WRITER_EMPTY;
    char base[] = "/tmp/conjure-fs-XXXXXX", reason[METAINFO_REASON_MAX];
    struct sample sample = {.piece_length = piece_length, .n_pieces = n_pieces};
    struct disk_job *job;
    struct storage *s;

    begin(7);
    piece[12345] = 1;
    sha1(piece, piece_length, hashes + (size_t)(n_pieces - 1) * SHA1_SIZE);
    bencode_begin_dict(&w);
    bencode_put_key(&w, "info");
    bencode_begin_dict(&w);
    bencode_put_key(&w, "length");
    bencode_put_integer(&w, (int64_t)length);
    bencode_put_key(&w, "name");
    bencode_put_text(&w, "large");
    bencode_put_key(&w, "piece length");
    bencode_put_integer(&w, piece_length);
    bencode_put_key(&w, "pieces");
    bencode_put_string(&w, hashes, (size_t)n_pieces * SHA1_SIZE);
    bencode_end(&w);
    bencode_end(&w);
    ck_assert_int_eq(bencode_writer_finish(&w), 0);
    ck_assert_int_eq(metainfo_parse(w.bytes, w.n, &sample.meta, reason), 0);
    bencode_writer_deinit(&w);
    ck_assert_ptr_nonnull(mkdtemp(base));
    snprintf(sample.dir, sizeof sample.dir, "%s/d", base);
    snprintf(sample.resume, sizeof sample.resume, "%s/r", base);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    for (uint32_t block = 0; block < piece_length / BLOCK_SIZE; block += 64) {
        ck_assert_int_eq(storage_prepare_write(s, n_pieces - 1, block, 64, UINT64_MAX,
                                               piece + (size_t)block * BLOCK_SIZE, &alice, &job),
                         0);
        ck_assert_int_eq(run(job), 0);
    }
    hash_waiting(s);
    ck_assert_uint_eq(count_events(s, STORAGE_COMPLETED), 1);
    storage_free(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_n_doubtful(s), 1); /* holes are not read */
    check(s, CHECK_ALL);
    ck_assert_uint_eq(storage_have(s)->n_set, 1);
    storage_free(s);
    end(&sample);
    free(piece);
    free(hashes);
}
END_TEST

RUN_SUITE("storage", 120, any_order_of_arrival_gives_the_content_with_holes,
          any_order_of_arrival_gives_the_content_in_reserved_room,
          any_order_of_arrival_gives_the_content_without_holes,
          files_that_are_not_wanted_are_not_created, a_torrent_is_locked_while_it_is_open,
          blocks_of_unverified_pieces_are_listed, a_sparse_file_of_a_hundred_gib_uses_no_disk);
