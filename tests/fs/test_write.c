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

RUN_SUITE("write", 20, only_a_write_of_all_blocks_is_of_a_whole_piece,
          blocks_that_do_not_exist_are_refused, links_are_not_followed_out_of_the_folder,
          a_full_disk_loses_no_block);
