/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <unistd.h>

#include "sleeper.h"

static struct msg *new_message(void)
{
    return msg_new(sizeof(struct msg), 0);
}

static void send_one(struct channel *c)
{
    ck_assert(channel_send(c, new_message()));
}

static void empty(struct channel *c)
{
    struct msg *m;

    while ((m = channel_receive(c)))
        msg_free(m);
}

static unsigned n_calls;

static void count_call(void *arg)
{
    ck_assert_ptr_eq(arg, &n_calls);
    n_calls++;
}

/* Reads and resets the eventfd: the number of rings, or 0. */
static uint64_t rings_of(const struct waker *w)
{
    uint64_t count;

    if (read(w->fd, &count, sizeof count) < 0) {
        ck_assert_int_eq(errno, EAGAIN);
        return 0;
    }
    return count;
}

START_TEST(an_owner_that_is_awake_is_not_rung)
{
    struct waker w;
    struct channel c;

    ck_assert_int_eq(waker_init_eventfd(&w), 0);
    channel_init(&c, &w);
    for (int i = 0; i < 10; i++)
        send_one(&c);
    ck_assert_uint_eq(rings_of(&w), 0);
    empty(&c);
    waker_arm(&w);
    waker_disarm(&w);
    send_one(&c);
    ck_assert_uint_eq(rings_of(&w), 0);
    empty(&c);
    channel_close(&c);
    waker_deinit(&w);
    waker_deinit(&w);
}
END_TEST

START_TEST(an_owner_that_sleeps_is_rung_once)
{
    struct waker w;
    struct channel one, two;

    ck_assert_int_eq(waker_init_eventfd(&w), 0);
    channel_init(&one, &w);
    channel_init(&two, &w);
    waker_arm(&w);
    for (int i = 0; i < 10; i++) {
        send_one(&one);
        send_one(&two);
    }
    waker_ring(&w);
    ck_assert_uint_eq(rings_of(&w), 1);
    empty(&one);
    empty(&two);
    channel_close(&one);
    channel_close(&two);
    waker_deinit(&w);
}
END_TEST

START_TEST(only_the_owner_of_the_channel_is_rung)
{
    struct waker mine, other;
    struct channel c;

    ck_assert_int_eq(waker_init_eventfd(&mine), 0);
    ck_assert_int_eq(waker_init_eventfd(&other), 0);
    channel_init(&c, &other);
    channel_set_waker(&c, &mine);
    waker_arm(&mine);
    waker_arm(&other);
    send_one(&c);
    ck_assert_uint_eq(rings_of(&mine), 1);
    ck_assert_uint_eq(rings_of(&other), 0);
    empty(&c);
    channel_close(&c);
    waker_deinit(&mine);
    waker_deinit(&other);
}
END_TEST

START_TEST(a_full_channel_does_not_ring_again)
{
    struct waker w;
    struct channel c;

    ck_assert_int_eq(waker_init_eventfd(&w), 0);
    channel_init(&c, &w);
    send_one(&c);
    waker_arm(&w);
    /* The owner is about to check the channel and will find the first: no ring for the second. */
    send_one(&c);
    ck_assert_uint_eq(rings_of(&w), 0);
    ck_assert(!channel_is_empty(&c));
    waker_disarm(&w);
    empty(&c);
    channel_close(&c);
    waker_deinit(&w);
}
END_TEST

START_TEST(disarming_takes_the_ring_off)
{
    struct waker w;

    ck_assert_int_eq(waker_init_eventfd(&w), 0);
    for (int i = 0; i < 3; i++) {
        waker_arm(&w);
        waker_ring(&w);
        waker_disarm(&w);
        ck_assert_uint_eq(rings_of(&w), 0);
    }
    waker_deinit(&w);
}
END_TEST

START_TEST(a_late_ring_ends_one_sleep_only)
{
    struct waker w;
    uint64_t one = 1;

    ck_assert_int_eq(waker_init_eventfd(&w), 0);
    waker_arm(&w);
    /* A sender disarms the waker; the owner wakes up and sleeps again; then the
     * sender writes. */
    ck_assert_int_eq(atomic_exchange(&w.armed, 0), 1);
    waker_disarm(&w);
    ck_assert_int_eq((int)write(w.fd, &one, sizeof one), 8);
    waker_arm(&w);
    waker_disarm(&w);
    ck_assert_uint_eq(rings_of(&w), 0);
    /* Two late rings, with a third in time between them. */
    waker_arm(&w);
    atomic_exchange(&w.armed, 0);
    waker_arm(&w);
    waker_ring(&w);
    waker_disarm(&w);
    waker_arm(&w);
    atomic_exchange(&w.armed, 0);
    waker_disarm(&w);
    ck_assert_int_eq((int)write(w.fd, &one, sizeof one), 8);
    waker_disarm(&w);
    ck_assert_int_eq((int)write(w.fd, &one, sizeof one), 8);
    waker_arm(&w);
    waker_disarm(&w);
    ck_assert_uint_eq(rings_of(&w), 0);
    ck_assert_uint_eq(w.n_due, 0);
    waker_deinit(&w);
}
END_TEST

START_TEST(a_call_is_made_once_per_sleep)
{
    struct waker w;
    struct channel c;

    waker_init_call(&w, count_call, &n_calls);
    channel_init(&c, &w);
    n_calls = 0;
    send_one(&c);
    ck_assert_uint_eq(n_calls, 0);
    empty(&c);
    waker_arm(&w);
    send_one(&c);
    send_one(&c);
    ck_assert_uint_eq(n_calls, 1);
    empty(&c);
    send_one(&c);
    ck_assert_uint_eq(n_calls, 1);
    waker_arm(&w);
    waker_ring(&w);
    waker_ring(&w);
    ck_assert_uint_eq(n_calls, 2);
    empty(&c);
    channel_close(&c);
    waker_deinit(&w);
}
END_TEST

START_TEST(waiting_ends_after_its_time)
{
    struct waker w;
    struct channel c;
    struct msg *m;
    uint64_t start;

    waker_init_futex(&w);
    channel_init(&c, &w);
    start = clock_now();
    ck_assert_ptr_null(channel_receive_wait(&c, 0));
    do
        m = channel_receive_wait(&c, 20 * NS_PER_MS);
    while (!m && clock_now() - start < 20 * NS_PER_MS);
    ck_assert_ptr_null(m);
    ck_assert_int_eq(atomic_load(&w.armed), 0);
    /* A late message is received all the same. */
    send_one(&c);
    m = channel_receive_wait(&c, UINT64_MAX);
    ck_assert_ptr_nonnull(m);
    msg_free(m);
    channel_close(&c);
    waker_deinit(&w);
}
END_TEST

static void *ring_by_hand(void *arg)
{
    while (!atomic_load(&((struct waker *)arg)->armed))
        sched_yield();
    waker_ring(arg);
    return NULL;
}

START_TEST(each_kind_wakes_a_sleeper)
{
    for (int kind = 0; kind < N_SLEEPER_KINDS; kind++) {
        struct sleeper s;
        uint64_t start = clock_now();
        pthread_t thread;

        sleeper_init(&s, kind);
        pthread_create(&thread, NULL, ring_by_hand, &s.waker);
        waker_arm(&s.waker);
        while (atomic_load(&s.waker.armed)) {
            ck_assert(clock_now() - start < LOST_NS);
            sleeper_sleep(&s, LOST_NS);
        }
        pthread_join(thread, NULL);
        waker_disarm(&s.waker);
        sleeper_deinit(&s);
    }
}
END_TEST

RUN_SUITE("wakers", 30, an_owner_that_is_awake_is_not_rung, an_owner_that_sleeps_is_rung_once,
          only_the_owner_of_the_channel_is_rung, a_full_channel_does_not_ring_again,
          disarming_takes_the_ring_off, a_late_ring_ends_one_sleep_only,
          a_call_is_made_once_per_sleep, waiting_ends_after_its_time, each_kind_wakes_a_sleeper);
