/* SPDX-License-Identifier: MIT */
#include "storage_fixture.h"

#include <errno.h>

/* The file that has changed, or -1. */
static int64_t restat(struct storage *s)
{
    struct storage_event e;
    struct disk_job *job;

    ck_assert_int_eq(storage_prepare_restat(s, &job), 0);
    ck_assert_ptr_nonnull(job);
    ck_assert_int_eq(run(job), 0);
    ck_assert(!storage_needs_restat(s));
    if (!storage_next_event(s, &e))
        return -1;
    ck_assert_int_eq(e.kind, STORAGE_CHANGED);
    ck_assert(!storage_next_event(s, &e));
    return e.piece;
}

START_TEST(a_complete_torrent_is_trusted_until_its_restat)
{
    struct sample sample;
    struct storage *s;

    make_hundred_files(&sample);
    storage_free(open_trusting(&sample)); /* there is no resume data yet */
    close_storage(open_complete(&sample));
    s = open_trusting(&sample);
    ck_assert(storage_needs_restat(s));
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    ck_assert_int_eq(restat(s), -1);
    close_storage(s);

    sample_change_file(&sample, 42);
    s = open_trusting(&sample);
    ck_assert(storage_needs_restat(s));
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
    ck_assert_int_eq(restat(s), 42);
    close_storage(s); /* the resume data saved now does not have the stamp of the new file */
    s = open_trusting(&sample);
    ck_assert_int_eq(restat(s), 42);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert(!storage_needs_restat(s));
    ck_assert_uint_gt(storage_n_doubtful(s), 0);
    check(s, CHECK_DOUBTFUL);
    ck_assert_int_eq(restat(s), -1);
    close_storage(s);
    s = open_trusting(&sample);
    ck_assert_int_eq(restat(s), -1);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(a_file_removed_while_seeding_is_found)
{
    struct sample sample;
    struct storage *s;
    char path[640];

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    s = open_trusting(&sample);
    ck_assert_int_eq(restat(s), -1);
    sample_path(&sample, 99, path);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(restat(s), 99);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(a_changed_file_is_not_served)
{
    struct storage_event e;
    struct open_file *h;
    struct sample sample;
    struct storage *s;

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    sample_change_file(&sample, 42);
    s = open_trusting(&sample);
    ck_assert_int_eq(storage_lease(s, 41, &h), 0);
    handle_pool_return(&pool, h);
    ck_assert_int_eq(storage_lease(s, 42, &h), -ESTALE);
    ck_assert(storage_next_event(s, &e));
    ck_assert_int_eq(e.kind, STORAGE_CHANGED);
    ck_assert_uint_eq(e.piece, 42);
    sample_change_file(&sample, 41); /* while it is open in the pool */
    ck_assert_int_eq(storage_lease(s, 41, &h), -ESTALE);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(what_cannot_be_served_is_of_the_content_the_disk_or_the_process)
{
    static const struct {
        int error, result;
        bool changed;
    } cases[] = {{-ENOENT, -ESTALE, true},  {-ESTALE, -ESTALE, true}, {-EIO, -EIO, false},
                 {-EACCES, -EACCES, false}, {-ELOOP, -ELOOP, false},  {-EMFILE, -EAGAIN, false},
                 {-ENFILE, -EAGAIN, false}, {-ENOMEM, -EAGAIN, false}};
    char reason[STORAGE_REASON_MAX];
    struct storage_event e;
    struct sample sample;
    struct storage *s;

    make_hundred_files(&sample);
    s = open_complete(&sample);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(storage_unservable(s, 42, cases[i].error), cases[i].result);
        ck_assert(storage_next_event(s, &e) == cases[i].changed);
        ck_assert(!cases[i].changed || (e.kind == STORAGE_CHANGED && e.piece == 42));
        ck_assert(storage_failed_in_content(s) == (i > 1));
    }
    ck_assert_ptr_nonnull(
        strstr(storage_describe_error(s, -EIO, reason), metainfo_file(sample.meta, 42)->path));
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(written_content_is_served_before_and_after_it_is_saved)
{
    struct disk_job *job;
    struct open_file *h;
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
        write_piece(&sample, s, piece);
    hash_waiting(s);
    for (unsigned step = 0; step < 3; step++) {
        ck_assert_int_eq(storage_lease(s, 0, &h), 0);
        handle_pool_return(&pool, h);
        if (step == 0)
            ck_assert_int_eq(storage_prepare_save(s, 0, 0, SAVE_RUNNING, &job), 0);
        else if (step == 1)
            ck_assert_int_eq(run(job), 0);
    }
    sample_change_file(&sample, 0);
    ck_assert_int_eq(storage_lease(s, 0, &h), -ESTALE);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(our_own_writes_are_no_changes)
{
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_trusting(&sample);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++) {
        struct disk_job *job, *writing;
        uint8_t *data = calloc(4, BLOCK_SIZE);

        ck_assert_int_eq(storage_prepare_restat(s, &job), 0);
        ck_assert_int_eq(storage_prepare_write(s, piece, 0, 1, 1, data, &bob, &writing), 0);
        disk_jobs_run(writing, &scratch);
        if (job)
            ck_assert_int_eq(run(job), 0); /* while the write is under way */
        ck_assert_int_eq(storage_prepare_restat(s, &job), 0);
        ck_assert_ptr_null(job);
        ck_assert_int_eq(storage_finish(writing), 0);
        ck_assert_int_eq(storage_prepare_restat(s, &job), 0);
        if (job)
            ck_assert_int_eq(run(job), 0);
        ck_assert_uint_eq(count_events(s, STORAGE_CHANGED), 0);
        if (piece % 3 == 0)
            save(s, SAVE_RUNNING);
        free(data);
    }
    ck_assert_int_eq(restat(s), -1);
    close_storage(s);
    end(&sample);
}
END_TEST

/* A download, a partial seed, and one with compact allocation. */
START_TEST(a_change_in_an_unfinished_torrent_is_found_and_not_claimed)
{
    static const bool skip[] = {false, true};

    for (unsigned i = 0; i < 3; i++) {
        enum allocation allocation = i == 2 ? ALLOCATION_COMPACT : ALLOCATION_SPARSE;
        struct open_file *h;
        struct sample sample;
        struct storage *s;

        make_plain(&sample);
        s = open_storage(&sample, allocation, i == 1 ? skip : NULL);
        for (uint32_t piece = 0; piece < 4; piece++)
            write_piece(&sample, s, piece);
        hash_waiting(s);
        count_events(s, STORAGE_COMPLETED);
        save(s, SAVE_RUNNING);
        ck_assert_int_eq(restat(s), -1);
        sample.content[70000] ^= 1;
        sample_change_file(&sample, 0);
        sample.content[70000] ^= 1;
        ck_assert_int_eq(storage_lease(s, 0, &h), -ESTALE);
        ck_assert_uint_eq(count_events(s, STORAGE_CHANGED), 1);
        ck_assert_int_eq(restat(s), 0);
        write_piece(&sample, s, 5); /* before the torrent is closed */
        hash_waiting(s);
        close_storage(s);
        s = open_storage(&sample, allocation, i == 1 ? skip : NULL);
        ck_assert(!bitfield_test(storage_have(s), 1));
        check(s, CHECK_DOUBTFUL);
        ck_assert(bitfield_test(storage_have(s), 0) && !bitfield_test(storage_have(s), 1));
        close_storage(s);
        end(&sample);
    }
}
END_TEST

/* Another file of the same size and time. */
START_TEST(a_file_replaced_by_one_of_the_same_time_is_found)
{
    char path[640], other[660];
    struct timespec times[2];
    struct sample sample;
    struct storage *s;
    struct stat st;

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    s = open_trusting(&sample);
    ck_assert_int_eq(restat(s), -1);
    sample_path(&sample, 42, path);
    snprintf(other, sizeof other, "%s.old", path);
    ck_assert_int_eq(stat(path, &st), 0);
    times[0] = times[1] = st.st_mtim;
    ck_assert_int_eq(rename(path, other), 0);
    sample.content[metainfo_file(sample.meta, 42)->offset] ^= 1;
    sample_write_file(&sample, 42);
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    ck_assert_int_eq(restat(s), 42);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_n_bad(s), 1);
    close_storage(s);
    end(&sample);
}
END_TEST

/* At the end of the program, while a slow disk has thousands of files to look at. */
START_TEST(a_look_at_the_files_can_be_cancelled)
{
    char reason[STORAGE_REASON_MAX];
    struct storage_config config;
    struct sample sample;
    struct disk_job *job;
    struct storage *s;

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    s = open_trusting(&sample);
    sample_change_file(&sample, 42);
    ck_assert_int_eq(storage_prepare_restat(s, &job), 0);
    disk_job_cancel(job);
    ck_assert_int_eq(run(job), -ECANCELED);
    ck_assert(storage_needs_restat(s));
    ck_assert_int_eq(restat(s), 42);
    close_storage(s);
    config = (struct storage_config){
        .meta = sample.meta, .dir = sample.dir, .resume_path = sample.resume};
    ck_assert_int_eq(storage_new(&config, &pool, &buffers, &s, reason), 0);
    ck_assert_int_eq(storage_prepare_open(s, &job), 0);
    disk_job_cancel(job);
    ck_assert_int_eq(run(job), -ECANCELED);
    storage_free(s);
    end(&sample);
}
END_TEST

RUN_SUITE("restat", 20, a_complete_torrent_is_trusted_until_its_restat,
          a_file_removed_while_seeding_is_found, a_changed_file_is_not_served,
          what_cannot_be_served_is_of_the_content_the_disk_or_the_process,
          written_content_is_served_before_and_after_it_is_saved, our_own_writes_are_no_changes,
          a_file_replaced_by_one_of_the_same_time_is_found,
          a_change_in_an_unfinished_torrent_is_found_and_not_claimed,
          a_look_at_the_files_can_be_cancelled);
