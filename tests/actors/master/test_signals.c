/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include <signal.h>
#include <unistd.h>

#include "actors/master/signals.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

static struct signals s = SIGNALS_EMPTY;

/* Sends the signal NUMBER to this process, which reads it at NOW_MS. */
static enum signals_request take(int number, uint64_t now_ms)
{
    enum signals_request request;
    int taken = 0;

    ck_assert(!kill(getpid(), number));
    request = signals_next(&s, now_ms * NS_PER_MS, &taken);
    ck_assert_int_eq(taken, number);
    return request;
}

enum {
    FOREGROUND,
    DAEMON,
};

START_TEST(a_daemon_reloads_reports_and_stops)
{
    int number;

    ck_assert(!signals_open(&s, DAEMON));
    ck_assert_int_eq(signals_next(&s, 1, &number), SIGNALS_NOTHING);
    ck_assert_int_eq(take(SIGHUP, 1), SIGNALS_RELOAD);
    ck_assert_int_eq(take(SIGUSR1, 2), SIGNALS_SUMMARY);
    ck_assert_int_eq(take(SIGTERM, 1000), SIGNALS_STOP);
    ck_assert_int_eq(take(SIGUSR1, 1001), SIGNALS_SUMMARY);
    ck_assert(!kill(getpid(), SIGPIPE)); /* ignored */
    signals_close(&s);
    signals_close(&s);
}
END_TEST

START_TEST(a_second_signal_counts_after_a_fifth_of_a_second)
{
    ck_assert(!signals_open(&s, FOREGROUND));
    ck_assert_int_eq(take(SIGINT, 1000), SIGNALS_STOP);
    ck_assert_int_eq(take(SIGINT, 1000), SIGNALS_NOTHING);
    ck_assert_int_eq(take(SIGTERM, 1199), SIGNALS_NOTHING);
    ck_assert_int_eq(take(SIGTERM, 1200), SIGNALS_STOP_AT_ONCE);
    signals_close(&s);
}
END_TEST

START_TEST(in_the_foreground_a_hangup_stops_unless_it_is_ignored)
{
    int number;

    signal(SIGHUP, SIG_IGN); /* nohup(1) */
    ck_assert(!signals_open(&s, FOREGROUND));
    ck_assert(!kill(getpid(), SIGHUP));
    ck_assert_int_eq(signals_next(&s, 1, &number), SIGNALS_NOTHING);
    signals_close(&s);
    signal(SIGHUP, SIG_DFL);
    ck_assert(!signals_open(&s, FOREGROUND));
    ck_assert_int_eq(take(SIGHUP, 1), SIGNALS_STOP);
    signals_close(&s);
}
END_TEST

RUN_SUITE("signals", 10, a_daemon_reloads_reports_and_stops,
          a_second_signal_counts_after_a_fifth_of_a_second,
          in_the_foreground_a_hangup_stops_unless_it_is_ignored);
