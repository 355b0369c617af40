/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <errno.h>

#include "actors/master/retry.h"

START_TEST(the_pause_doubles_up_to_ten_minutes)
{
    static const unsigned seconds[] = {5, 10, 20, 40, 80, 160, 320, 600, 600, 600};

    for (unsigned i = 0; i < N_ELEMENTS(seconds); i++)
        ck_assert_uint_eq(retry_delay_ns(i), seconds[i] * NS_PER_S);
    ck_assert_uint_eq(retry_delay_ns(UINT32_MAX), 600 * NS_PER_S);
}
END_TEST

START_TEST(a_failure_is_retried_or_decides_the_exit_code)
{
    static const struct {
        bool daemon, stopping, removed, ready, named;
        int error;
        bool retried;
        enum master_outcome outcome;
    } cases[] = {
        {.daemon = true, .ready = true, .error = EIO, .retried = true},
        {.daemon = true, .ready = true, .named = true, .error = EIO, .retried = true},
        {.daemon = true, .error = EIO, .retried = true},
        {.daemon = true, .named = true, .error = EIO, .outcome = MASTER_ERROR},
        {.daemon = true, .ready = true, .stopping = true, .error = EIO, .outcome = MASTER_ERROR},
        {.daemon = true, .ready = true, .removed = true, .error = EIO},
        {.ready = true, .named = true, .error = EIO, .outcome = MASTER_ERROR},
        {.ready = true, .named = true, .error = ENOSPC, .outcome = MASTER_DISK_FULL},
        {.ready = true, .named = true, .error = EDQUOT, .outcome = MASTER_DISK_FULL},
        {.ready = true, .named = true, .error = EEXIST, .outcome = MASTER_FILE_EXISTS},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct master_torrent *t;

        begin();
        config.daemon = cases[i].daemon;
        m->stopping = cases[i].stopping;
        m->ready = cases[i].ready;
        t = make(small(1), NULL);
        t->removed = cases[i].removed;
        t->lasting.named = cases[i].named;
        retry_note_failure(t, cases[i].error, "");
        ck_assert_msg(m->outcome == cases[i].outcome, "case %zu", i);
        ck_assert_msg((t->retry_ns != 0) == cases[i].retried, "case %zu", i);
        ck_assert(!retry_is_due(t));
        m->now += 5 * NS_PER_S;
        ck_assert_msg(retry_is_due(t) == cases[i].retried, "case %zu", i);
        end();
    }
}
END_TEST

START_TEST(an_error_is_logged_once_and_again_after_another)
{
    struct master_torrent *t;

    begin();
    t = make(small(1), NULL);
    retry_note_failure(t, EIO, "the disk is gone");
    ck_assert_str_eq(logged, "file0001: the disk is gone; it will be tried again\n");
    logged[0] = '\0';
    retry_note_failure(t, EIO, "the disk is gone");
    ck_assert_str_eq(logged, "");
    retry_note_failure(t, ENOENT, "");
    ck_assert_str_eq(logged, "file0001: No such file or directory; it will be tried again\n");
    ck_assert_uint_eq(t->lasting.n_failures, 3);
    end();
}
END_TEST

START_TEST(a_torrent_that_runs_for_a_while_works_again)
{
    struct master_torrent *t;

    begin();
    t = make(small(1), NULL);
    retry_note_running(t);
    ck_assert_str_eq(logged, "");
    retry_note_failure(t, EIO, "");
    logged[0] = '\0';
    t->started_ns = m->now;
    m->now += 10 * NS_PER_S - 1;
    retry_note_running(t);
    ck_assert_uint_eq(t->lasting.n_failures, 1);
    m->now++;
    retry_note_running(t);
    ck_assert_str_eq(logged, "file0001: works again\n");
    ck_assert_uint_eq(t->lasting.n_failures, 0);
    ck_assert_ptr_null(t->lasting.last_error);
    end();
}
END_TEST

RUN_SUITE("retry", 10, the_pause_doubles_up_to_ten_minutes,
          a_failure_is_retried_or_decides_the_exit_code,
          an_error_is_logged_once_and_again_after_another,
          a_torrent_that_runs_for_a_while_works_again);
