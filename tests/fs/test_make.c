/* SPDX-License-Identifier: MIT */
#include "storage_fixture.h"

#include <errno.h>

/* "a" is whole on disk, "b" is the user's, "empty" is missing. */
static struct sample sample;

/* "b" becomes a file of N_BYTES of the user. */
static void put_foreign(unsigned n_bytes)
{
    char path[640];
    FILE *f;

    snprintf(path, sizeof path, "%s/T/b", sample.dir);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    while (n_bytes--)
        fputc('m', f);
    fclose(f);
}

static off_t size_of(const char *name)
{
    char path[640];
    struct stat st;

    snprintf(path, sizeof path, "%s/T/%s", sample.dir, name);
    return stat(path, &st) ? -1 : st.st_size;
}

static struct storage *start(enum allocation allocation)
{
    static const struct sample_file files[] = {{"a", 500000}, {"b", 500000}, {"empty", 0}};

    begin(5);
    sample_make(&sample, &rng, 65536, files, 3);
    sample_write_file(&sample, 0);
    return open_storage(&sample, allocation, NULL);
}

START_TEST(nothing_is_made_before_a_check_has_shown_whose_files_these_are)
{
    struct storage *s = start(ALLOCATION_FULL);
    struct disk_job *job;

    ck_assert_int_eq(size_of("b"), -1);
    ck_assert_int_eq(size_of("empty"), -1);
    check_all_but_make(s, CHECK_DOUBTFUL);
    ck_assert_int_ne(access(sample.resume, F_OK), 0);
    ck_assert_int_eq(storage_prepare_make(s, &job), STORAGE_UNSAVED);
    ck_assert_ptr_null(job);
    save(s, SAVE_RUNNING);
    ck_assert_int_eq(access(sample.resume, F_OK), 0);
    ck_assert_int_eq(storage_prepare_make(s, &job), 0);
    ck_assert_ptr_nonnull(job);
    ck_assert_int_eq(run(job), 0);
    ck_assert_int_eq(size_of("b"), 500000);
    ck_assert_int_eq(size_of("empty"), 0);
    ck_assert_int_eq(storage_prepare_make(s, &job), 0);
    ck_assert_ptr_null(job);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(a_foreign_file_stays_foreign_over_restarts)
{
    struct storage *s = start(ALLOCATION_SPARSE);
    char reason[STORAGE_REASON_MAX];
    struct disk_job *job;

    storage_free(s);
    put_foreign(200000);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    save(s, SAVE_CLOSING); /* a check that was stopped at once */
    storage_free(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check_all_but_make(s, CHECK_DOUBTFUL);
    ck_assert_int_eq(storage_prepare_make(s, &job), -EEXIST);
    storage_describe_error(s, -EEXIST, reason);
    ck_assert(strstr(reason, "/T/b: ") && strstr(reason, "--allow-overwrite"));
    close_storage(s);
    /* Now resume data says it all: no check is needed. */
    ck_assert_int_eq(try_open(&sample, ALLOCATION_SPARSE, NULL, &s), 0);
    ck_assert_int_eq(storage_prepare_open(s, &job), 0);
    ck_assert_int_eq(run(job), -EEXIST);
    ck_assert(storage_failed_in_content(s));
    storage_free(s);
    ck_assert_int_eq(size_of("b"), 200000);
    ck_assert_int_eq(size_of("empty"), -1);
    /* The right content has been copied there. */
    sample_change_file(&sample, 1);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(resume_data_comes_before_the_first_byte_of_content)
{
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(access(sample.resume, F_OK), 0);
    ck_assert_int_eq(write_blocks(&sample, s, 9, 0, 2, &bob, GOOD_BYTES), 0);
    storage_free(s); /* as after a kill */
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    write_piece(&sample, s, 9);
    close_storage(s);
    end(&sample);
}
END_TEST

static void expect_change_at_opening(const char *what)
{
    char reason[STORAGE_REASON_MAX];
    struct storage *s;
    struct disk_job *job;

    ck_assert_int_eq(try_open(&sample, ALLOCATION_SPARSE, NULL, &s), 0);
    ck_assert_int_eq(storage_prepare_open(s, &job), 0);
    ck_assert_int_eq(run(job), -EREMCHG);
    storage_describe_error(s, -EREMCHG, reason);
    ck_assert_msg(strstr(reason, "/T/b: ") && strstr(reason, what), "%s", reason);
    storage_free(s);
}

/* The owner has updated a file of a torrent that was complete. */
START_TEST(changed_content_is_left_alone_until_it_is_back_or_a_repair_is_asked_for)
{
    struct storage *s = start(ALLOCATION_SPARSE);
    struct disk_job *job;
    char path[640];

    storage_free(s);
    sample_change_file(&sample, 1);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    close_storage(s);
    policy = (struct write_policy){0};
    close_storage(open_storage(&sample, ALLOCATION_SPARSE, NULL)); /* no change, no check */
    put_foreign(200000);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_gt(storage_n_doubtful(s), 0);
    check_all_but_make(s, CHECK_DOUBTFUL);
    ck_assert_int_eq(storage_prepare_make(s, &job), -EREMCHG);
    close_storage(s);
    expect_change_at_opening("has changed"); /* no check is needed */
    ck_assert_int_eq(size_of("b"), 200000);
    snprintf(path, sizeof path, "%s/T/b", sample.dir);
    unlink(path);
    expect_change_at_opening("is gone");
    ck_assert_int_eq(size_of("b"), -1);
    /* Its old content is back. */
    sample_change_file(&sample, 1);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    close_storage(s);
    /* A repair that is not complete yet goes on at the next start. */
    put_foreign(200000);
    policy = REPAIRING;
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    write_piece(&sample, s, sample.n_pieces - 1);
    hash_waiting(s);
    close_storage(s);
    policy = (struct write_policy){0};
    close_storage(open_storage(&sample, ALLOCATION_SPARSE, NULL));
    end(&sample);
}
END_TEST

/* The next file shares a piece with the one that is gone, and stays ours. */
START_TEST(a_download_makes_up_for_a_file_that_is_gone)
{
    struct storage *s = start(ALLOCATION_SPARSE);
    char path[640];

    storage_free(s);
    sample_change_file(&sample, 1);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    close_storage(s);
    snprintf(path, sizeof path, "%s/T/b", sample.dir);
    unlink(path);
    policy = (struct write_policy){.repair_gone = true};
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
        if (!bitfield_test(storage_have(s), piece))
            write_piece(&sample, s, piece);
    hash_waiting(s);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    close_storage(s);
    end(&sample);
}
END_TEST

RUN_SUITE("make", 20, changed_content_is_left_alone_until_it_is_back_or_a_repair_is_asked_for,
          a_download_makes_up_for_a_file_that_is_gone,
          nothing_is_made_before_a_check_has_shown_whose_files_these_are,
          a_foreign_file_stays_foreign_over_restarts,
          resume_data_comes_before_the_first_byte_of_content);
