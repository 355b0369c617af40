/* SPDX-License-Identifier: MIT */
#include "opened.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

/* Hashes N batches of one piece each, and no more. */
static void check_some(struct storage *s, unsigned n)
{
    struct disk_job *job;

    while (n--) {
        ck_assert_int_eq(storage_prepare_check(s, 1, &job), 0);
        ck_assert_ptr_nonnull(job);
        ck_assert_int_eq(run(job), 0);
    }
}

/* All of the content, verified and remembered. */
static struct storage *open_complete(struct sample *sample)
{
    struct storage *s;

    for (uint32_t file = 0; file < metainfo_n_files(sample->meta); file++)
        if (!metainfo_file(sample->meta, file)->padding)
            sample_write_file(sample, file);
    s = open_storage(sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_have(s)->n_set, sample->n_pieces);
    return s;
}

static void make_hundred_files(struct sample *sample)
{
    static struct sample_file files[100];
    static char names[100][16];

    begin(21);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(names[i], sizeof names[i], "d/%u", i);
        files[i] = (struct sample_file){names[i], 10000 + i, NULL};
    }
    sample_make(sample, &rng, 32768, files, 100);
}

START_TEST(of_a_hundred_files_the_changed_one_is_hashed_again)
{
    const struct metainfo_file *changed;
    struct sample sample;
    struct storage *s;
    uint32_t first, last;

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
    close_storage(s);

    sample.content[metainfo_file(sample.meta, 42)->offset + 77] ^= 1;
    sample_write_file(&sample, 42);
    changed = metainfo_file(sample.meta, 42);
    first = (uint32_t)(changed->offset / sample.piece_length);
    last = (uint32_t)((changed->offset + changed->length - 1) / sample.piece_length);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_n_doubtful(s), last - first + 1);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
        ck_assert_int_eq(bitfield_test(storage_have(s), piece), piece < first || piece > last);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_n_bad(s), 1);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces - 1);
    close_storage(s);
    end(&sample);
}
END_TEST

static struct storage *open_trusting(struct sample *sample)
{
    struct storage_config config = {
        .meta = sample->meta, .dir = sample->dir, .resume_path = sample->resume, .trusting = true};
    char reason[STORAGE_REASON_MAX];
    struct storage *s = NULL;
    struct disk_job *job;

    ck_assert_int_eq(storage_new(&config, &pool, &buffers, &s, reason), 0);
    ck_assert_int_eq(storage_prepare_open(s, &job), 0);
    ck_assert_int_eq(run(job), 0);
    return s;
}

/* The file that has changed, or -1. */
static int64_t look(struct storage *s)
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

START_TEST(what_was_complete_is_trusted_first_and_looked_at_then)
{
    struct sample sample;
    struct storage *s;

    make_hundred_files(&sample);
    storage_free(open_trusting(&sample)); /* there are no resume data yet */
    close_storage(open_complete(&sample));
    s = open_trusting(&sample);
    ck_assert(storage_needs_restat(s));
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    ck_assert_int_eq(look(s), -1);
    close_storage(s);

    sample_change_file(&sample, 42);
    s = open_trusting(&sample);
    ck_assert(storage_needs_restat(s));
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
    ck_assert_int_eq(look(s), 42);
    close_storage(s); /* and what is saved now does not vouch for the new file */
    s = open_trusting(&sample);
    ck_assert_int_eq(look(s), 42);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert(!storage_needs_restat(s));
    ck_assert_uint_gt(storage_n_doubtful(s), 0);
    check(s, CHECK_DOUBTFUL);
    ck_assert_int_eq(look(s), -1);
    close_storage(s);
    s = open_trusting(&sample);
    ck_assert_int_eq(look(s), -1);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(a_file_that_goes_while_it_is_seeded_is_missed)
{
    struct sample sample;
    struct storage *s;
    char path[640];

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    s = open_trusting(&sample);
    ck_assert_int_eq(look(s), -1);
    sample_path(&sample, 99, path);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(look(s), 99);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(what_has_changed_is_not_served)
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

START_TEST(what_is_written_is_served_before_and_after_it_is_saved)
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

/* The first file stands for the disk: when that is not as it was, all are looked at before anything else. */
START_TEST(nothing_is_trusted_when_the_first_file_has_changed)
{
    struct sample sample;
    struct storage *s;
    char path[640];

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    sample_change_file(&sample, 0);
    s = open_trusting(&sample);
    ck_assert(!storage_needs_restat(s));
    ck_assert_uint_eq(storage_n_doubtful(s), 1);
    close_storage(s);
    sample_path(&sample, 0, path);
    ck_assert_int_eq(unlink(path), 0);
    s = open_trusting(&sample);
    ck_assert(!storage_needs_restat(s));
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces - 1);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(what_is_not_complete_or_not_saved_is_not_looked_at)
{
    struct storage_event e;
    struct sample sample;
    struct disk_job *job;
    struct storage *s;

    make_plain(&sample);
    s = open_trusting(&sample);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++) {
        ck_assert_int_eq(storage_prepare_restat(s, &job), 0);
        ck_assert_ptr_null(job);
        write_piece(&sample, s, piece);
        hash_waiting(s);
        ck_assert(storage_next_event(s, &e));
        ck_assert_int_eq(e.kind, STORAGE_COMPLETED);
    }
    ck_assert_int_eq(storage_prepare_restat(s, &job), 0); /* complete, but written to since */
    ck_assert_ptr_null(job);
    save(s, SAVE_RUNNING);
    ck_assert_int_eq(look(s), -1);
    close_storage(s);
    s = open_trusting(&sample);
    ck_assert(storage_needs_restat(s));
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(a_check_goes_on_where_it_was_stopped)
{
    struct sample sample;
    struct storage *s;
    uint32_t left;

    make_hundred_files(&sample);
    for (uint32_t file = 0; file < 100; file++)
        sample_write_file(&sample, file);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_begin_check(s, CHECK_DOUBTFUL), sample.n_pieces);
    check_some(s, 5);
    save(s, SAVE_RUNNING); /* then kill -9 */
    check_some(s, 3);
    storage_free(s);

    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 5);
    left = sample.n_pieces - 5;
    ck_assert_uint_eq(storage_n_doubtful(s), left);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_n_checked(s), left);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
    close_storage(s);
    end(&sample);
}
END_TEST

/* Some of the pieces, in an order by chance, so that many lie where others belong. Not saved. */
static void download_in_disorder(struct sample *sample, uint32_t n)
{
    struct storage *s = open_storage(sample, ALLOCATION_COMPACT, NULL);

    while (n--) {
        uint32_t piece = rng_below(&rng, sample->n_pieces);

        write_blocks(sample, s, piece, 0, n_blocks_of(sample, piece), &alice, false);
        hash_waiting(s);
    }
    storage_free(s);
}

/* What each piece is: 0 missing, 1 at home, 2 elsewhere. */
static void list_pieces(struct storage *s, uint32_t n_pieces, uint8_t *kinds)
{
    struct stored_blocks stored;

    for (uint32_t piece = 0; piece < n_pieces; piece++)
        kinds[piece] = bitfield_test(storage_have(s), piece);
    ck_assert_int_eq(storage_list_stored(s, &stored), 0);
    for (size_t i = 0; i < stored.n; i++)
        kinds[stored.runs[i].piece] = 2;
    stored_blocks_deinit(&stored);
}

START_TEST(a_scan_of_slots_goes_on_where_it_was_stopped)
{
    unsigned n_elsewhere = 0, n_less = 0;

    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint8_t expected[64] = {0}, found[64] = {0};
        uint32_t n_doubtful, n_to_check;
        struct sample sample;
        struct disk_job *job;
        struct storage *s;

        make_hundred_files(&sample);
        rng_seed(&rng, seed);
        download_in_disorder(&sample, 6 + rng_below(&rng, sample.n_pieces));
        s = open_storage(&sample, ALLOCATION_COMPACT, NULL);
        n_to_check = n_doubtful = storage_n_doubtful(s);
        for (unsigned i = 0; i < 3; i++) {
            storage_begin_check(s, CHECK_DOUBTFUL);
            for (unsigned left = 1 + rng_below(&rng, 2 * n_to_check); left; left--) {
                ck_assert_int_eq(storage_prepare_check(s, 1, &job), 0);
                if (!job || run(job))
                    break;
            }
            save(s, storage_n_doubtful(s) ? SAVE_RUNNING : SAVE_CLOSING);
            storage_free(s); /* kill -9 */
            s = open_storage(&sample, ALLOCATION_COMPACT, NULL);
            ck_assert_uint_le(storage_n_doubtful(s), n_doubtful);
            n_doubtful = storage_n_doubtful(s);
        }
        n_less += n_doubtful < n_to_check;
        check(s, CHECK_DOUBTFUL);
        list_pieces(s, sample.n_pieces, found);
        storage_free(s);

        unlink(sample.resume);
        s = open_storage(&sample, ALLOCATION_COMPACT, NULL);
        ck_assert_uint_eq(storage_n_doubtful(s), n_to_check);
        check(s, CHECK_DOUBTFUL);
        list_pieces(s, sample.n_pieces, expected);
        ck_assert_mem_eq(found, expected, sizeof found);
        for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
            n_elsewhere += expected[piece] == 2;
        close_storage(s);
        end(&sample);
    }
    ck_assert_uint_ge(n_less, 20);
    ck_assert_uint_ge(n_elsewhere, 40);
}
END_TEST

START_TEST(a_check_of_all_goes_on_too_and_the_next_one_begins_anew)
{
    struct sample sample;
    struct storage *s;

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_begin_check(s, CHECK_ALL), sample.n_pieces);
    check_some(s, 7);
    close_storage(s);

    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 7);
    ck_assert_uint_eq(storage_begin_check(s, CHECK_ALL), sample.n_pieces - 7);
    check_some(s, sample.n_pieces - 7);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    close_storage(s);

    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_begin_check(s, CHECK_ALL), sample.n_pieces);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(pieces_on_their_way_are_as_doubtful_as_those_that_wait)
{
    struct disk_job *checking, *saving;
    struct sample sample;
    struct storage *s;

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    storage_begin_check(s, CHECK_ALL);
    ck_assert_int_eq(storage_prepare_check(s, 4, &checking), 0);
    ck_assert_int_eq(storage_prepare_save(s, 0, 0, SAVE_RUNNING, &saving), 0);
    ck_assert_int_eq(run(saving), 0);
    ck_assert_int_eq(run(checking), 0);
    storage_free(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 0);
    ck_assert_uint_eq(storage_n_doubtful(s), sample.n_pieces);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(what_was_cancelled_stays_doubtful)
{
    struct sample sample;
    struct disk_job *job;
    struct storage *s;

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    storage_begin_check(s, CHECK_ALL);
    ck_assert_int_eq(storage_prepare_check(s, SHA1_LANES_MAX, &job), 0);
    disk_job_cancel(job);
    ck_assert_int_eq(run(job), 0);
    ck_assert_uint_eq(storage_have(s)->n_set, 0);
    ck_assert_uint_eq(storage_n_bad(s), 0);
    ck_assert_uint_eq(storage_n_doubtful(s), sample.n_pieces);
    close_storage(s);
    end(&sample);
}
END_TEST

/* Two torrents, each too small for all lanes, and one of them with a wrong piece. */
START_TEST(pieces_of_several_torrents_are_hashed_together)
{
    static const struct sample_file files[] = {{"a", 5 * 32768, NULL}};
    struct sample samples[3];
    struct storage *s[3];
    struct disk_job *jobs[3];

    begin(22);
    for (unsigned i = 0; i < 3; i++) {
        sample_make(&samples[i], &rng, 32768, files, 1);
        sample_write_file(&samples[i], 0);
        if (i == 1) {
            samples[i].content[3 * 32768] ^= 1;
            sample_write_file(&samples[i], 0);
        }
        s[i] = open_storage(&samples[i], ALLOCATION_SPARSE, NULL);
        ck_assert_uint_eq(storage_begin_check(s[i], CHECK_DOUBTFUL), 5);
        ck_assert_uint_eq(storage_next_check_size(s[i]), 32768);
        ck_assert_int_eq(storage_prepare_check(s[i], SHA1_LANES_MAX, &jobs[i]), 0);
        if (i)
            jobs[i - 1]->next = jobs[i];
    }
    disk_jobs_run(jobs[0], &scratch);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(storage_finish(jobs[i]), 0);
        ck_assert_uint_eq(storage_have(s[i])->n_set, i == 1 ? 4 : 5);
        ck_assert(i != 1 || !bitfield_test(storage_have(s[i]), 3));
        close_storage(s[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        sample_free(&samples[i]);
    end(&samples[2]);
}
END_TEST

START_TEST(what_has_not_changed_is_not_saved_again)
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

/* Instead of libc's, for the test below. */
static unsigned n_syncs;
static time_t years_on;

int fdatasync(int fd)
{
    n_syncs++;
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

START_TEST(what_a_check_found_good_is_synced_once_unless_it_is_old)
{
    struct sample sample;
    struct storage *s;
    char path[640];

    make_hundred_files(&sample);
    for (uint32_t file = 0; file < 100; file++)
        sample_write_file(&sample, file);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    storage_begin_check(s, CHECK_DOUBTFUL);
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

/* More than go together, and one of them to a folder that is not there. */
START_TEST(saves_of_several_torrents_go_together)
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

RUN_SUITE("checks and saves", 60, of_a_hundred_files_the_changed_one_is_hashed_again,
          what_was_complete_is_trusted_first_and_looked_at_then,
          a_file_that_goes_while_it_is_seeded_is_missed, what_has_changed_is_not_served,
          what_is_written_is_served_before_and_after_it_is_saved,
          nothing_is_trusted_when_the_first_file_has_changed,
          what_is_not_complete_or_not_saved_is_not_looked_at, a_check_goes_on_where_it_was_stopped,
          a_scan_of_slots_goes_on_where_it_was_stopped,
          a_check_of_all_goes_on_too_and_the_next_one_begins_anew,
          pieces_on_their_way_are_as_doubtful_as_those_that_wait, what_was_cancelled_stays_doubtful,
          pieces_of_several_torrents_are_hashed_together, what_has_not_changed_is_not_saved_again,
          what_a_check_found_good_is_synced_once_unless_it_is_old,
          saves_of_several_torrents_go_together);
