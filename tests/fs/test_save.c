/* SPDX-License-Identifier: MIT */
#include "storage_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

/* fdatasync and time replace those of the C library. fdatasync counts its calls, and fails one. */
static unsigned n_syncs, fails_at;
static int fails_by;
static time_t years_on;

int fdatasync(int fd)
{
    if (++n_syncs == fails_at) {
        errno = fails_by;
        return -1;
    }
    return fsync(fd);
}

time_t time(time_t *t)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += years_on;
    if (t)
        *t = now.tv_sec;
    return now.tv_sec;
}

static unsigned n_syncs_of_save(struct storage *s)
{
    n_syncs = 0;
    save(s, SAVE_RUNNING);
    return n_syncs - 1; /* that of the resume file */
}

START_TEST(removed_content_fails_the_save)
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

/* Changes a byte of the file but not its size and times: a write that never reached the disk. */
static void lose_byte(struct sample *sample, uint32_t file, off_t at)
{
    struct timespec times[2];
    char path[640], byte;
    struct stat st;
    int fd;

    sample_path(sample, file, path);
    fd = open(path, O_RDWR);
    ck_assert_int_eq(fstat(fd, &st), 0);
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    ck_assert_int_eq(futimens(fd, times), 0);
    close(fd);
}

/* The kernel reports an error of write-back once, so the sync of close_storage succeeds. */
static void fail_a_sync(enum allocation allocation, int error, uint32_t n_trusted)
{
    struct sample sample;
    struct disk_job *job;
    struct storage *s;

    make_plain(&sample); /* file a: pieces 0 to 7, file b: 7 to 15 */
    s = open_storage(&sample, allocation, NULL);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
        if (piece != 5)
            write_piece(&sample, s, piece);
    ck_assert_int_eq(write_blocks(&sample, s, 5, 0, 1, &alice, GOOD_BYTES), 0);
    hash_waiting(s);
    ck_assert_int_eq(storage_prepare_save(s, 0, 0, SAVE_RUNNING, &job), 0);
    n_syncs = 0;
    fails_at = 1;
    fails_by = error;
    ck_assert_int_eq(run(job), -error);
    ck_assert(storage_failed_in_content(s));
    fails_at = 0;
    close_storage(s);
    lose_byte(&sample, 0, 2 * 65536);

    s = open_storage(&sample, allocation, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, n_trusted);
    check(s, CHECK_DOUBTFUL);
    ck_assert(!bitfield_test(storage_have(s), 2));
    ck_assert(bitfield_test(storage_have(s), 3));
    close_storage(s);
    end(&sample);
}

START_TEST(a_file_whose_sync_failed_is_hashed_before_it_is_claimed)
{
    fail_a_sync(ALLOCATION_SPARSE, EIO, 8);
    fail_a_sync(ALLOCATION_FULL, ENOSPC, 8);
    fail_a_sync(ALLOCATION_SPARSE, EDQUOT, 8);
    fail_a_sync(ALLOCATION_COMPACT, EIO, 0);
}
END_TEST

START_TEST(files_not_written_yet_do_not_fail_the_save)
{
    static const struct sample_file files[] = {{"a", 20000}, {"b", 20000}};
    struct sample sample;
    struct storage *s;

    begin(9);
    sample_make(&sample, &rng, 65536, files, 2);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(write_blocks(&sample, s, 0, 0, 1, &alice, GOOD_BYTES), 0);
    save(s, SAVE_RUNNING);
    storage_free(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert(storage_has_block(s, 0, 0));
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(unchanged_resume_data_is_not_written_again)
{
    struct stat before, after;
    struct sample sample;
    struct disk_job *job;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    write_piece(&sample, s, 0);
    hash_waiting(s);
    save(s, SAVE_RUNNING);
    ck_assert_int_eq(stat(sample.resume, &before), 0);
    save(s, SAVE_RUNNING);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    close_storage(s);
    ck_assert_int_eq(stat(sample.resume, &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(storage_prepare_save(s, 12, 22, SAVE_CLOSING, &job), 0);
    ck_assert_int_eq(run(job), 0);
    storage_free(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_uploaded(s), 12);
    storage_free(s);
    end(&sample);
}
END_TEST

/* Twenty saves are more than one run does together. One of them fails. */
START_TEST(saves_of_several_torrents_are_done_together)
{
    static const struct sample_file files[] = {{"a", 40000, NULL}};
    struct sample samples[20];
    struct storage *s[20];
    struct disk_job *jobs[20];

    begin(23);
    for (unsigned i = 0; i < 20; i++) {
        sample_make(&samples[i], &rng, 32768, files, 1);
        if (i == 7)
            unlink(samples[i].resume);
        s[i] = open_storage(&samples[i], ALLOCATION_SPARSE, NULL);
        write_piece(&samples[i], s[i], 0);
        hash_waiting(s[i]);
        ck_assert_int_eq(storage_prepare_save(s[i], i, 0, SAVE_CLOSING, &jobs[i]), 0);
        if (i)
            jobs[i - 1]->next = jobs[i];
        if (i == 7) /* in the way of the new file */
            ck_assert_int_eq(mkdir(strcat(strcpy((char[128]){0}, samples[i].resume), ".new"), 0777),
                             0);
    }
    disk_jobs_run(jobs[0], &scratch);
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(storage_finish(jobs[i]), i == 7 ? -EISDIR : 0);
        storage_free(s[i]);
        s[i] = open_storage(&samples[i], ALLOCATION_SPARSE, NULL);
        ck_assert_uint_eq(storage_uploaded(s[i]), i == 7 ? 0 : i);
        ck_assert_uint_eq(storage_have(s[i])->n_set, i != 7);
        storage_free(s[i]);
    }
    for (unsigned i = 0; i < 19; i++)
        sample_free(&samples[i]);
    end(&samples[19]);
}
END_TEST

START_TEST(checked_content_is_synced_once_unless_it_is_old)
{
    struct sample sample;
    struct storage *s;
    char path[640];

    make_hundred_files(&sample);
    for (uint32_t file = 0; file < 100; file++)
        sample_write_file(&sample, file);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    begin_check(s, CHECK_DOUBTFUL);
    check_some(s, 1); /* 32 KiB: three files and a part of the fourth */
    ck_assert_uint_eq(n_syncs_of_save(s), 4);
    check_some(s, 1);
    ck_assert_uint_eq(n_syncs_of_save(s), 4);
    check(s, CHECK_DOUBTFUL);
    sample_path(&sample, 99, path);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_uint_eq(n_syncs_of_save(s), 99 - 6);
    storage_free(s);

    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    years_on = 2 * 365 * 24 * 3600;
    check(s, CHECK_ALL);
    ck_assert_uint_eq(n_syncs_of_save(s), 0);
    years_on = 0;
    storage_free(s);
    end(&sample);
}
END_TEST

/* Another program puts a file in place of one that is being downloaded. We have it open, and so
 * write to the old one. */
START_TEST(a_file_that_was_replaced_during_a_download_is_not_claimed)
{
    char path[640], other[660];
    struct sample sample;
    struct storage *s;
    int fd;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    write_piece(&sample, s, 0);
    hash_waiting(s);
    save(s, SAVE_RUNNING);
    sample_path(&sample, 0, path);
    snprintf(other, sizeof other, "%s.other", path);
    fd = open(other, O_WRONLY | O_CREAT, 0666);
    ck_assert_int_eq(ftruncate(fd, 500000), 0);
    close(fd);
    ck_assert_int_eq(rename(other, path), 0);
    write_piece(&sample, s, 1);
    hash_waiting(s);
    count_events(s, STORAGE_CHANGED);
    save(s, SAVE_RUNNING);
    ck_assert_uint_eq(count_events(s, STORAGE_CHANGED), 1);
    save(s, SAVE_RUNNING);
    ck_assert_uint_eq(count_events(s, STORAGE_CHANGED), 0); /* once */
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 0);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_have(s)->n_set, 0);
    close_storage(s);
    end(&sample);
}
END_TEST

/* What the disk loses is not a change by the owner: it is downloaded again without a question. */
START_TEST(content_that_the_disk_lost_is_repaired)
{
    struct sample sample;
    struct disk_job *job;
    struct storage *s;

    policy = (struct write_policy){0};
    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
        write_piece(&sample, s, piece);
    hash_waiting(s);
    ck_assert_int_eq(storage_prepare_save(s, 0, 0, SAVE_RUNNING, &job), 0);
    n_syncs = 0;
    fails_at = 1;
    fails_by = EIO;
    ck_assert_int_eq(run(job), -EIO);
    fails_at = 0;
    close_storage(s);
    lose_byte(&sample, 0, 2 * 65536);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    ck_assert(!bitfield_test(storage_have(s), 2));
    write_piece(&sample, s, 2);
    hash_waiting(s);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    close_storage(s);
    end(&sample);
}
END_TEST

RUN_SUITE("save", 60, removed_content_fails_the_save, content_that_the_disk_lost_is_repaired,
          a_file_whose_sync_failed_is_hashed_before_it_is_claimed,
          files_not_written_yet_do_not_fail_the_save, unchanged_resume_data_is_not_written_again,
          saves_of_several_torrents_are_done_together,
          checked_content_is_synced_once_unless_it_is_old,
          a_file_that_was_replaced_during_a_download_is_not_claimed);
