/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include <stdio.h>
#include <string.h>

#include "actors/master/watchdog.h"
#include "conjure/actors/bandwidth.h"
#include "conjure/actors/timer.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"
#include "conjure/msg/table.h"

#define N_ACTORS    3
#define WATCHDOG_NS (40 * NS_PER_S)

static struct waker waker;
static struct channel inboxes[N_ACTORS];
static const char *const names[N_ACTORS] = {"Lobby", "FS", "Choker"};
static struct watchdog w;
static char logged[256];

static void keep_line(enum log_level level, const char *facility, const char *text)
{
    size_t n = strlen(logged);

    snprintf(logged + n, sizeof logged - n, "%s\n", text);
}

/* Actor I handles its messages. Returns how many there were. */
static unsigned work(unsigned i)
{
    struct msg *m;
    unsigned n = 0;

    for (; (m = channel_receive(&inboxes[i])); n++) {
        ck_assert_int_eq(m->kind, MSG_KIND_PING);
        msg_reply(m);
    }
    return n;
}

static void begin(void)
{
    log_set_sink(keep_line);
    waker_init_futex(&waker);
    watchdog_init(&w, &waker);
    for (unsigned i = 0; i < N_ACTORS; i++) {
        channel_init(&inboxes[i], &waker);
        watchdog_watch(&w, names[i], &inboxes[i]);
    }
}

START_TEST(while_all_reply_a_round_ends_each_quarter)
{
    unsigned n_alive = 0, n_pings = 0;

    begin();
    for (unsigned second = 1; second <= 101; second++) {
        n_alive += watchdog_tick(&w, second * NS_PER_S, WATCHDOG_NS);
        for (unsigned i = 0; i < N_ACTORS; i++)
            n_pings += work(i);
    }
    ck_assert_uint_eq(n_pings, 11 * N_ACTORS); /* at 1, 11, ... 101 */
    ck_assert_uint_eq(n_alive, 10);            /* a second after each */
    ck_assert_str_eq(logged, "");
}
END_TEST

START_TEST(an_actor_that_hangs_ends_the_rounds_and_is_named)
{
    begin();
    for (unsigned second = 1; second <= 100; second++) {
        bool alive = watchdog_tick(&w, second * NS_PER_S, WATCHDOG_NS);

        ck_assert_int_eq(alive, second == 2 || second == 12);
        for (unsigned i = 0; i < N_ACTORS; i++)
            if (i != 1 || second <= 20)
                work(i);
        if (second == 41) /* half of the time after the round of second 21 */
            ck_assert_str_eq(logged, "");
        if (second == 42)
            ck_assert_str_eq(logged, "FS does not reply\n");
    }
    ck_assert_str_eq(logged, "FS does not reply\n"); /* once */
    /* And when it works again, the next rounds end. */
    work(1);
    ck_assert(watchdog_tick(&w, 101 * NS_PER_S, WATCHDOG_NS));
    for (unsigned i = 0; i < N_ACTORS; i++)
        ck_assert_uint_eq(work(i), 1);
    ck_assert(watchdog_tick(&w, 102 * NS_PER_S, WATCHDOG_NS));
}
END_TEST

START_TEST(an_actor_that_has_ended_is_not_waited_for)
{
    begin();
    channel_close(&inboxes[2]);
    watchdog_tick(&w, NS_PER_S, WATCHDOG_NS);
    work(0);
    work(1);
    ck_assert(watchdog_tick(&w, 2 * NS_PER_S, WATCHDOG_NS));
}
END_TEST

START_TEST(actors_in_their_threads_reply)
{
    struct timer *timer = timer_start();
    struct bandwidth *bandwidth = bandwidth_start();
    struct bandwidth_shutdown *x = bandwidth_new_shutdown();
    struct timer_shutdown *y = timer_new_shutdown();
    struct channel ends;

    waker_init_futex(&waker);
    watchdog_init(&w, &waker);
    watchdog_watch(&w, "Timer", &timer_inbox(timer)->channel);
    watchdog_watch(&w, "Bandwidth", &bandwidth_inbox(bandwidth)->channel);
    ck_assert(!watchdog_tick(&w, NS_PER_S, WATCHDOG_NS));
    while (!watchdog_tick(&w, 2 * NS_PER_S, WATCHDOG_NS)) {
        waker_arm(&waker);
        if (channel_is_empty(&w.replies))
            waker_wait(&waker, UINT64_MAX);
        waker_disarm(&waker);
    }
    channel_init(&ends, &waker);
    x->msg.reply_to = y->msg.reply_to = &ends;
    ck_assert(channel_send(&bandwidth_inbox(bandwidth)->channel, &x->msg));
    ck_assert(channel_send(&timer_inbox(timer)->channel, &y->msg));
    for (unsigned n = 0; n < 2;) {
        struct msg *m = channel_receive_wait(&ends, UINT64_MAX);

        if (m) {
            msg_free(m);
            n++;
        }
    }
    bandwidth_join(bandwidth);
    timer_join(timer);
}
END_TEST

RUN_SUITE("watchdog", 10, while_all_reply_a_round_ends_each_quarter,
          an_actor_that_hangs_ends_the_rounds_and_is_named,
          an_actor_that_has_ended_is_not_waited_for, actors_in_their_threads_reply);
