/* SPDX-License-Identifier: MIT */
#include "storage_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

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
        ck_assert_int_eq(write_blocks(&sample, s, 4, 0, 2, &alice, false), 0);
        ck_assert_int_eq(write_blocks(&sample, s, 3, 0, 4, &alice, false), 0);
        ck_assert_int_eq(write_blocks(&sample, s, 0, 0, 1, &alice, false), 0);
        ck_assert_uint_eq(storage_n_unhashed(s), 3);
        hash_waiting(s);
        ck_assert_int_eq(write_blocks(&sample, s, 5, 0, 1, &alice, false), 0);
        ck_assert_int_eq(write_blocks(&sample, s, 2, 0, 4, &alice, false), 0);
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

RUN_SUITE("write", 20, only_a_write_of_all_blocks_is_of_a_whole_piece, padding_needs_no_peer,
          blocks_that_do_not_exist_are_refused, links_are_not_followed_out_of_the_folder,
          a_full_disk_loses_no_block);
