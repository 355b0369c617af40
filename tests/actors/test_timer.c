/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/actors/timer.h"
#include "conjure/base/clock.h"

/* An inbox that gets the replies to Afters and Shutdowns. */
#define TEST_TABLE(INFO, QUERY, REPLY) REPLY(test, timer, after) REPLY(test, timer, shutdown)
MSG_INBOX(test, TEST_TABLE);

struct asker {
    struct waker waker;
    struct test_inbox inbox;
};

static void asker_init(struct asker *a)
{
    waker_init_futex(&a->waker);
    channel_init(&a->inbox.channel, &a->waker);
}

static struct timer_after *asker_wait(struct asker *a)
{
    struct msg *m = NULL;

    for (int i = 0; !m && i < 100; i++)
        m = channel_receive_wait(&a->inbox.channel, 5 * NS_PER_S);
    ck_assert_ptr_nonnull(m);
    return (struct timer_after *)m;
}

static void ask(struct asker *a, struct timer *t, struct timer_after *after, uint64_t delay)
{
    timer_init_after(after);
    after->delay_ns = delay;
    ck_assert(test_ask_timer_after(&a->inbox, timer_inbox(t), after));
}

static void shut_down(struct asker *a, struct timer *t, unsigned n_waiting)
{
    struct timer_shutdown shutdown;

    timer_init_shutdown(&shutdown);
    ck_assert(test_ask_timer_shutdown(&a->inbox, timer_inbox(t), &shutdown));
    for (unsigned i = 0; i < n_waiting; i++)
        ck_assert(asker_wait(a)->cancelled);
    ck_assert_ptr_eq(asker_wait(a), &shutdown);
}

START_TEST(afters_are_answered_in_time)
{
    struct timer *t = timer_start();
    struct timer_after slow, fast, now;
    struct asker a;
    uint64_t began = clock_now();

    asker_init(&a);
    ask(&a, t, &slow, 60 * NS_PER_MS);
    ask(&a, t, &fast, 20 * NS_PER_MS);
    ask(&a, t, &now, 0);
    ck_assert_ptr_eq(asker_wait(&a), &now);
    ck_assert_ptr_eq(asker_wait(&a), &fast);
    ck_assert_uint_ge(clock_now() - began, 20 * NS_PER_MS);
    ck_assert_ptr_eq(asker_wait(&a), &slow);
    ck_assert_uint_ge(clock_now() - began, 60 * NS_PER_MS);
    ck_assert(!slow.cancelled);
    shut_down(&a, t, 0);
    timer_join(t);
}
END_TEST

START_TEST(shutdown_cancels_all_afters)
{
    struct timer *t = timer_start();
    struct timer_after waiting[20], late;
    struct asker a;

    asker_init(&a);
    for (int i = 0; i < 20; i++)
        ask(&a, t, &waiting[i], 3600 * NS_PER_S);
    shut_down(&a, t, 20);
    timer_init_after(&late);
    ck_assert(!test_ask_timer_after(&a.inbox, timer_inbox(t), &late));
    timer_join(t);
    timer_join(NULL);
}
END_TEST

RUN_SUITE("timer", 20, afters_are_answered_in_time, shutdown_cancels_all_afters);
