/* SPDX-License-Identifier: MIT */
#include "storage_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

/* In place of the C library's: what a file surely holds after the power has failed. A byte that was
 * written and not synced is neither the old one nor the new one. */
static uint8_t *on_disk, *in_cache; /* NULL: not followed */
static bool *unsynced;
static size_t n_followed;
static void (*after_write)(void);

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    ssize_t done;

    if (lseek(fd, offset, SEEK_SET) < 0)
        return -1;
    done = write(fd, bytes, n);
    if (done < 0 || !on_disk || n != 65536) /* resume data is smaller */
        return done;
    memcpy(in_cache + offset, bytes, n);
    memset(unsynced + offset, true, n);
    after_write();
    return done;
}

static bool sync_fails;

int fdatasync(int fd)
{
    struct stat st;

    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    if (on_disk && !fstat(fd, &st) && (size_t)st.st_size <= n_followed &&
        st.st_size % 65536 == 0) { /* not resume data */
        memcpy(on_disk, in_cache, n_followed);
        memset(unsynced, false, n_followed);
    }
    return fsync(fd);
}

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
    /* All blocks, but three of them are on disk already. */
    ck_assert_int_eq(storage_prepare_write(s, 1, 0, 4, 15, data, &bob, &job), 0);
    ck_assert(!disk_job_is_whole_piece(job));
    ck_assert_int_eq(run(job), 0);
    hash_waiting(s);
    free(data);
    close_storage(s);
    end(&sample);
}
END_TEST

/* Only the blocks that hold a byte of a file are written; in a foreign slot (compact) the zeros of
 * the others are stored by FS. */
START_TEST(padding_needs_no_peer)
{
    static const struct sample_file files[] = {{"a", 400},   {"p", 130672, "p"}, {"b", 131072},
                                               {"c", 20000}, {"q", 45536, "p"},  {"d", 9}};
    static const enum allocation allocations[] = {ALLOCATION_SPARSE, ALLOCATION_COMPACT};
    struct sample sample;
    struct storage *s;

    for (unsigned i = 0; i < 2; i++) {
        begin(3);
        sample_make(&sample, &rng, 65536, files, 6);
        s = open_storage(&sample, allocations[i], NULL);
        check(s, CHECK_DOUBTFUL);
        /* Piece 0: a and padding. Piece 1: padding. 2, 3: b. 4: c and padding. 5: d. */
        ck_assert_int_eq(write_blocks(&sample, s, 4, 0, 2, &alice, GOOD_BYTES), 0);
        ck_assert_int_eq(write_blocks(&sample, s, 3, 0, 4, &alice, GOOD_BYTES), 0);
        ck_assert_int_eq(write_blocks(&sample, s, 0, 0, 1, &alice, GOOD_BYTES), 0);
        ck_assert_uint_eq(storage_n_unhashed(s), 3);
        hash_waiting(s);
        ck_assert_int_eq(write_blocks(&sample, s, 5, 0, 1, &alice, GOOD_BYTES), 0);
        ck_assert_int_eq(write_blocks(&sample, s, 2, 0, 4, &alice, GOOD_BYTES), 0);
        hash_waiting(s);
        ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
        for (uint32_t file = 0; file < 6; file++)
            ck_assert(metainfo_file(sample.meta, file)->padding ||
                      sample_file_is_good(&sample, file));
        close_storage(s);
        end(&sample);
    }
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
    ck_assert_int_eq(write_blocks(&sample, s, 0, 0, 4, &bob, GOOD_BYTES), -ELOOP);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/T/a", sample.dir);
    ck_assert_int_eq(symlink("../../outside/a", path), 0);
    ck_assert_int_eq(write_blocks(&sample, s, 0, 0, 4, &bob, GOOD_BYTES), -ELOOP);
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0666), 0);
    ck_assert_int_ne(write_blocks(&sample, s, 0, 0, 4, &bob, GOOD_BYTES), 0);
    unlink(path);
    ck_assert_int_eq(rmdir(outside), 0); /* no file was created there */
    write_piece(&sample, s, 0);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(a_full_disk_loses_no_block)
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
    ck_assert_int_eq(write_blocks(&sample, s, 4, 0, 4, &bob, GOOD_BYTES), -EFBIG);
    ck_assert_int_eq(write_blocks(&sample, s, 9, 0, 4, &bob, GOOD_BYTES), -EFBIG);
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

static struct sample followed;
static struct bitfield saved;

/* Whether some slot has PIECE for sure. */
static bool survives(uint32_t piece)
{
    const uint8_t *content = followed.content + (size_t)piece * 65536;

    for (size_t at = 0; at < n_followed; at += 65536)
        if (!memcmp(on_disk + at, content, 65536) && !memchr(unsynced + at, true, 65536))
            return true;
    return false;
}

static void expect_saved_pieces_to_survive(void)
{
    for (uint32_t piece = 0; piece < followed.n_pieces; piece++)
        ck_assert_msg(!bitfield_test(&saved, piece) || survives(piece),
                      "piece %u is lost when the power fails now", piece);
}

START_TEST(a_saved_piece_that_moves_survives_a_power_failure)
{
    static const struct sample_file files[] = {{"a", 12 * 65536}};
    struct storage *s;
    uint32_t order[12];

    begin(31);
    sample_make(&followed, &rng, 65536, files, 1);
    n_followed = followed.length;
    for (unsigned round = 0; round < 8; round++) {
        char path[640];

        ck_assert_int_eq(bitfield_init(&saved, followed.n_pieces), 0);
        in_cache = calloc(1, n_followed);
        unsynced = calloc(n_followed, sizeof *unsynced);
        after_write = expect_saved_pieces_to_survive;
        on_disk = calloc(1, n_followed);
        for (uint32_t i = 0; i < 12; i++) {
            uint32_t at = rng_below(&rng, i + 1);

            order[i] = order[at];
            order[at] = i;
        }
        s = open_storage(&followed, ALLOCATION_COMPACT, NULL);
        for (uint32_t i = 0; i < 12; i++) {
            write_piece(&followed, s, order[i]);
            hash_waiting(s);
            save(s, SAVE_RUNNING);
            bitfield_set(&saved, order[i]);
        }
        ck_assert(bitfield_all(storage_have(s)));
        close_storage(s);
        sample_path(&followed, 0, path);
        unlink(path);
        unlink(followed.resume);
        free(on_disk);
        on_disk = NULL;
        free(in_cache);
        free(unsynced);
        bitfield_deinit(&saved);
    }
    end(&followed);
}
END_TEST

/* The error is reported once: later syncs of that file prove nothing. */
START_TEST(a_failed_sync_of_a_moved_piece_is_remembered)
{
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_COMPACT, NULL);
    write_piece(&sample, s, 3); /* into slot 0 */
    hash_waiting(s);
    save(s, SAVE_RUNNING);
    sync_fails = true;
    ck_assert_int_eq(write_blocks(&sample, s, 0, 0, 4, &alice, GOOD_BYTES), -EIO);
    sync_fails = false;
    write_piece(&sample, s, 5);
    hash_waiting(s);
    save(s, SAVE_RUNNING);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_COMPACT, NULL);
    ck_assert_uint_gt(storage_n_doubtful(s), 0);
    check(s, CHECK_DOUBTFUL);
    write_piece(&sample, s, 0);
    for (uint32_t piece = 1; piece < sample.n_pieces; piece++)
        if (!bitfield_test(storage_have(s), piece))
            write_piece(&sample, s, piece);
    hash_waiting(s);
    ck_assert(bitfield_all(storage_have(s)));
    close_storage(s);
    end(&sample);
}
END_TEST

RUN_SUITE("write", 20, only_a_write_of_all_blocks_is_of_a_whole_piece, padding_needs_no_peer,
          blocks_that_do_not_exist_are_refused, links_are_not_followed_out_of_the_folder,
          a_full_disk_loses_no_block, a_saved_piece_that_moves_survives_a_power_failure,
          a_failed_sync_of_a_moved_piece_is_remembered);
