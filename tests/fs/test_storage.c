/* SPDX-License-Identifier: MIT */
#include "opened.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "conjure/piece/claim.h"

static uint32_t count_events(struct storage *s, enum storage_event_kind kind)
{
    struct storage_event e;
    uint32_t n = 0;

    while (storage_next_event(s, &e))
        n += e.kind == kind;
    return n;
}

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

/* Random files, some empty, some padding, under changing folders. */
static void make_random(struct sample *sample, unsigned n_files, uint64_t length_max, bool padding)
{
    struct sample_file files[64];
    char names[64][32];

    for (unsigned i = 0; i < n_files; i++) {
        bool pad = padding && i && rng_below(&rng, 4) == 0;

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

static void expect_all_files(struct sample *sample, const bool *skip)
{
    for (uint32_t file = 0; file < metainfo_n_files(sample->meta); file++) {
        char path[640];

        sample_path(sample, file, path);
        if (metainfo_file(sample->meta, file)->padding || (skip && skip[file]))
            ck_assert_msg(access(path, F_OK), "%s must not be there", path);
        else
            ck_assert_msg(sample_file_is_good(sample, file), "%s is wrong", path);
    }
}

/* Pieces in any order, blocks in any order, over any files; sometimes reopened in between. */
static void download_random(enum allocation allocation, uint64_t seed)
{
    struct sample sample;
    struct storage *s;
    uint32_t order[4096], n;

    begin(seed);
    make_random(&sample, 1 + rng_below(&rng, 20), 300000, true);
    n = sample.n_pieces;
    ck_assert_uint_le(n, 4096);
    shuffle(order, n);
    s = open_storage(&sample, allocation, NULL);
    check(s, CHECK_DOUBTFUL); /* a piece of nothing but padding is there from the start */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t n_blocks = n_blocks_of(&sample, order[i]), cut = rng_below(&rng, n_blocks + 1);

        if (cut < n_blocks)
            ck_assert_int_eq(write_blocks(&sample, s, order[i], cut, n_blocks - cut, &bob, false),
                             0);
        if (cut)
            ck_assert_int_eq(write_blocks(&sample, s, order[i], 0, cut, &alice, false), 0);
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

/* Wanted pieces only; what they hold of other files stays out of sight. */
static void download_selection(enum allocation allocation, uint64_t seed)
{
    bool skip[64] = {0};
    struct sample sample;
    struct storage *s;
    uint32_t order[4096];

    begin(seed);
    make_random(&sample, 2 + rng_below(&rng, 10), 200000, true);
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
    /* Later all are wanted: nothing false is claimed, and the rest can be had. */
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

START_TEST(files_not_selected_are_not_made)
{
    for (uint64_t seed = 300; seed <= 330; seed++)
        download_selection(ALLOCATION_SPARSE, seed);
    for (uint64_t seed = 400; seed <= 430; seed++)
        download_selection(ALLOCATION_COMPACT, seed);
}
END_TEST

START_TEST(who_sends_all_of_a_wrong_piece_is_guilty_at_once)
{
    struct storage_event e;
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(write_blocks(&sample, s, 3, 0, 2, &bob, true), 0);
    ck_assert_int_eq(write_blocks(&sample, s, 3, 2, 2, &bob, false), 0);
    hash_waiting(s);
    ck_assert(storage_next_event(s, &e));
    ck_assert_int_eq(e.kind, STORAGE_GUILTY);
    ck_assert(addr_equal(&e.addr, &bob));
    ck_assert(storage_next_event(s, &e));
    ck_assert_int_eq(e.kind, STORAGE_FAILED);
    ck_assert(!storage_has_block(s, 3, 0));
    ck_assert(!storage_next_event(s, &e));
    write_piece(&sample, s, 3);
    hash_waiting(s);
    ck_assert_uint_eq(count_events(s, STORAGE_COMPLETED), 1);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(a_liar_among_several_is_found_when_the_piece_passes)
{
    struct storage_event e;
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(write_blocks(&sample, s, 3, 0, 2, &bob, true), 0);
    ck_assert_int_eq(write_blocks(&sample, s, 3, 2, 2, &alice, false), 0);
    hash_waiting(s);
    ck_assert_uint_eq(count_events(s, STORAGE_FAILED), 1);
    write_piece(&sample, s, 3);
    hash_waiting(s);
    ck_assert(storage_next_event(s, &e));
    ck_assert_int_eq(e.kind, STORAGE_GUILTY);
    ck_assert(addr_equal(&e.addr, &bob));
    ck_assert(storage_next_event(s, &e));
    ck_assert_int_eq(e.kind, STORAGE_COMPLETED);
    ck_assert(!storage_next_event(s, &e));
    close_storage(s);
    end(&sample);
}
END_TEST

/* Buffers that differ from the disk show where a hash was taken from. */
START_TEST(a_piece_is_hashed_from_its_buffer_and_others_from_disk)
{
    enum { N = 12 };
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    for (uint32_t i = 0; i < N; i++) {
        uint8_t *data = malloc((size_t)CLAIM_BLOCKS_MAX * BLOCK_SIZE), *other;

        write_piece(&sample, s, i);
        memcpy(data, sample.content + (uint64_t)i * sample.piece_length, sample.piece_length);
        if (i % 3 == 1)
            data[sample.piece_length - 1] ^= 1;
        other = i % 3 ? storage_exchange_buffer(s, i, data) : data;
        ck_assert_ptr_nonnull(other);
        free(other);
    }
    ck_assert_uint_eq(buffers.n_held, N - N / 3);
    hash_waiting(s);
    ck_assert_uint_eq(buffers.n_held, 0);
    ck_assert_uint_eq(storage_have(s)->n_set, N - N / 3);
    ck_assert_uint_eq(count_events(s, STORAGE_FAILED), N / 3);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(a_buffer_is_taken_only_for_a_piece_that_waits_for_its_hash)
{
    uint8_t *data = malloc((size_t)CLAIM_BLOCKS_MAX * BLOCK_SIZE), *other;
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_ptr_null(storage_exchange_buffer(s, 0, data));
    ck_assert_int_eq(write_blocks(&sample, s, 0, 0, 1, &alice, false), 0);
    ck_assert_ptr_null(storage_exchange_buffer(s, 0, data));
    write_piece(&sample, s, 0);
    other = storage_exchange_buffer(s, 0, data);
    ck_assert_ptr_nonnull(other);
    ck_assert_ptr_null(storage_exchange_buffer(s, 0, other));
    storage_free(s); /* not hashed any more: the pool has the buffer */
    ck_assert_uint_eq(buffers.n_held, 0);
    ck_assert_uint_eq(buffers.n_spare, 1);
    free(other);
    end(&sample);
}
END_TEST

START_TEST(only_a_write_of_all_blocks_is_of_a_whole_piece)
{
    struct disk_job *job;
    struct sample sample;
    struct storage *s;
    uint8_t *data;

    make_plain(&sample);
    data = calloc(4, BLOCK_SIZE);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(storage_prepare_write(s, 0, 0, 4, 15, data, &alice, &job), 0);
    ck_assert(disk_job_is_whole_piece(job));
    ck_assert_int_eq(run(job), 0);
    ck_assert_int_eq(storage_prepare_write(s, 1, 0, 4, 7, data, &alice, &job), 0);
    ck_assert(!disk_job_is_whole_piece(job));
    ck_assert_int_eq(run(job), 0);
    /* Asks for all of it, but three blocks are somebody else's. */
    ck_assert_int_eq(storage_prepare_write(s, 1, 0, 4, 15, data, &bob, &job), 0);
    ck_assert(!disk_job_is_whole_piece(job));
    ck_assert_int_eq(run(job), 0);
    hash_waiting(s);
    free(data);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(blocks_that_do_not_exist_are_refused)
{
    uint8_t data[BLOCK_SIZE] = {0};
    struct disk_job *job;
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(storage_prepare_write(s, 16, 0, 1, 1, data, &bob, &job), -EINVAL);
    ck_assert_int_eq(storage_prepare_write(s, 0, 4, 1, 1, data, &bob, &job), -EINVAL);
    ck_assert_int_eq(storage_prepare_write(s, 0, UINT32_MAX, 1, 1, data, &bob, &job), -EINVAL);
    ck_assert_int_eq(storage_prepare_write(s, 0, 0, 1, 2, data, &bob, &job), -EINVAL);
    ck_assert_int_eq(storage_prepare_write(s, 0, 0, 65, 2, data, &bob, &job), -EINVAL);
    close_storage(s);
    end(&sample);
}
END_TEST

/* Pieces are written after the last save, and the process is gone without a word. */
START_TEST(after_a_crash_nothing_is_claimed_that_is_not_there)
{
    struct sample sample;
    struct storage *s;
    char path[640];
    int fd;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    write_piece(&sample, s, 0);
    write_piece(&sample, s, 1);
    ck_assert_int_eq(write_blocks(&sample, s, 9, 0, 2, &bob, false), 0);
    hash_waiting(s);
    save(s, SAVE_RUNNING);
    write_piece(&sample, s, 2);
    ck_assert_int_eq(write_blocks(&sample, s, 10, 0, 2, &bob, false), 0);
    hash_waiting(s);
    storage_free(s);
    /* Behind our back, too. */
    sample_path(&sample, 0, path);
    fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "x", 1, 65536 + 7), 1);
    close(fd);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 0);
    ck_assert_uint_ge(storage_n_doubtful(s), 3);
    check(s, CHECK_DOUBTFUL);
    ck_assert(bitfield_test(storage_have(s), 0));
    ck_assert(!bitfield_test(storage_have(s), 1));
    ck_assert(bitfield_test(storage_have(s), 2));
    ck_assert_uint_eq(storage_have(s)->n_set, 2);
    ck_assert(storage_has_block(s, 9, 1));
    ck_assert(!storage_has_block(s, 9, 2));
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(only_pieces_of_touched_files_are_doubtful)
{
    struct sample sample;
    struct storage *s;
    char path[640];
    int fd;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
        write_piece(&sample, s, piece);
    hash_waiting(s);
    close_storage(s);
    sample_path(&sample, 1, path);
    fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "x", 1, 400000), 1);
    close(fd);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 7); /* file b begins in piece 7 */
    ck_assert_uint_eq(storage_n_doubtful(s), 9);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_have(s)->n_set, 15);
    ck_assert_uint_eq(storage_n_bad(s), 1);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(content_that_vanishes_is_missed)
{
    struct sample sample;
    struct storage *s;
    struct disk_job *job;
    char path[640];

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    write_piece(&sample, s, 0);
    hash_waiting(s);
    sample_path(&sample, 0, path);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(storage_prepare_save(s, 0, 0, SAVE_RUNNING, &job), 0);
    ck_assert_int_eq(run(job), -ENOENT);
    ck_assert(storage_failed_in_content(s));
    storage_free(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 0);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(files_that_were_not_written_yet_are_not_missed)
{
    static const struct sample_file files[] = {{"a", 20000}, {"b", 20000}};
    struct sample sample;
    struct storage *s;

    begin(9);
    sample_make(&sample, &rng, 65536, files, 2);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(write_blocks(&sample, s, 0, 0, 1, &alice, false), 0);
    save(s, SAVE_RUNNING);
    storage_free(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert(storage_has_block(s, 0, 0));
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
    ck_assert_int_eq(write_blocks(&sample, s, 1, 1, 2, &alice, false), 0);
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

START_TEST(corrupt_resume_data_is_set_aside)
{
    char aside[128];
    struct sample sample;
    struct storage *s;
    FILE *f;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    write_piece(&sample, s, 0);
    hash_waiting(s);
    close_storage(s);
    f = fopen(sample.resume, "r+");
    fputs("rubbish", f);
    fclose(f);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    snprintf(aside, sizeof aside, "%s.corrupt", sample.resume);
    ck_assert_int_eq(access(aside, F_OK), 0);
    ck_assert_int_ne(access(sample.resume, F_OK), 0);
    ck_assert_uint_eq(storage_have(s)->n_set, 0);
    ck_assert_uint_eq(storage_n_doubtful(s), 1);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_have(s)->n_set, 1);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(one_process_at_a_time)
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

START_TEST(links_are_not_followed_out_of_the_folder)
{
    char path[160], outside[96];
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    snprintf(outside, sizeof outside, "%.*s/outside", (int)(strrchr(sample.dir, '/') - sample.dir),
             sample.dir);
    mkdir(outside, 0777);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    snprintf(path, sizeof path, "%s/T", sample.dir);
    ck_assert_int_eq(symlink(outside, path), 0);
    ck_assert_int_eq(write_blocks(&sample, s, 0, 0, 4, &bob, false), -ELOOP);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/T/a", sample.dir);
    ck_assert_int_eq(symlink("../../outside/a", path), 0);
    ck_assert_int_eq(write_blocks(&sample, s, 0, 0, 4, &bob, false), -ELOOP);
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0666), 0);
    ck_assert_int_ne(write_blocks(&sample, s, 0, 0, 4, &bob, false), 0);
    unlink(path);
    ck_assert_int_eq(rmdir(outside), 0); /* nothing came there */
    write_piece(&sample, s, 0);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(a_disk_that_is_full_loses_nothing)
{
    struct rlimit limit = {300000, RLIM_INFINITY};
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_COMPACT, NULL);
    for (uint32_t piece = 0; piece < 4; piece++)
        write_piece(&sample, s, piece);
    hash_waiting(s);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(write_blocks(&sample, s, 4, 0, 4, &bob, false), -EFBIG);
    ck_assert_int_eq(write_blocks(&sample, s, 9, 0, 4, &bob, false), -EFBIG);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    for (uint32_t piece = sample.n_pieces; piece-- > 4;)
        write_piece(&sample, s, piece);
    hash_waiting(s);
    ck_assert(bitfield_all(storage_have(s)));
    expect_all_files(&sample, NULL);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(thousands_of_files_in_one_piece)
{
    enum { N = 5000 };
    struct sample_file *files = calloc(N, sizeof *files);
    char(*names)[16] = calloc(N, sizeof *names);
    struct sample sample;
    struct storage *s;

    begin(6);
    for (unsigned i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%u/%u", i % 10, i);
        files[i] = (struct sample_file){names[i], i % 7 ? 20 : 0, NULL};
    }
    sample_make(&sample, &rng, 65536, files, N);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
        write_piece(&sample, s, piece);
    hash_waiting(s);
    ck_assert(bitfield_all(storage_have(s)));
    ck_assert_uint_le(pool.n_open, pool.cap);
    expect_all_files(&sample, NULL);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert(bitfield_all(storage_have(s)));
    check(s, CHECK_ALL);
    ck_assert(bitfield_all(storage_have(s)));
    close_storage(s);
    end(&sample);
    free(files);
    free(names);
}
END_TEST

START_TEST(a_hundred_gib_cost_nothing_until_they_come)
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

RUN_SUITE("storage", 60, any_order_of_arrival_gives_the_content_with_holes,
          any_order_of_arrival_gives_the_content_in_reserved_room,
          any_order_of_arrival_gives_the_content_without_holes, files_not_selected_are_not_made,
          who_sends_all_of_a_wrong_piece_is_guilty_at_once,
          a_liar_among_several_is_found_when_the_piece_passes, blocks_that_do_not_exist_are_refused,
          after_a_crash_nothing_is_claimed_that_is_not_there,
          only_pieces_of_touched_files_are_doubtful, content_that_vanishes_is_missed,
          files_that_were_not_written_yet_are_not_missed, blocks_of_unverified_pieces_are_listed,
          corrupt_resume_data_is_set_aside, one_process_at_a_time,
          links_are_not_followed_out_of_the_folder, a_disk_that_is_full_loses_nothing,
          thousands_of_files_in_one_piece, a_hundred_gib_cost_nothing_until_they_come,
          a_piece_is_hashed_from_its_buffer_and_others_from_disk,
          a_buffer_is_taken_only_for_a_piece_that_waits_for_its_hash,
          only_a_write_of_all_blocks_is_of_a_whole_piece);
