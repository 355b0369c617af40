/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_MSG_SLEEPER_H
#define CONJURE_TESTS_MSG_SLEEPER_H

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>

#include "conjure/base/clock.h"
#include "conjure/base/rng.h"
#include "conjure/msg/table.h"

/*
 * A receiver that sleeps on one of the three kinds of waker and detects a lost wake-up: no sender
 * pauses for LOST_NS in these tests, so a thread that sleeps for LOST_NS was not woken.
 */
#define LOST_NS (UINT64_C(15) * NS_PER_S)

/* The divisor of the work where each step takes longer. */
#ifdef CHANNEL_PAUSE
#define SLOW 6
#elif defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SLOW 4
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SLOW 4
#endif
#endif
#ifndef SLOW
#define SLOW 1
#endif

enum sleeper_kind { SLEEPER_FUTEX, SLEEPER_EVENTFD, SLEEPER_CALL, N_SLEEPER_KINDS };

struct sleeper {
    enum sleeper_kind kind;
    struct waker waker;
    sem_t called; /* SLEEPER_CALL */
};

static inline void sleeper_called(void *arg)
{
    sem_post(&((struct sleeper *)arg)->called);
}

static inline void sleeper_init(struct sleeper *s, enum sleeper_kind kind)
{
    s->kind = kind;
    sem_init(&s->called, 0, 0);
    if (kind == SLEEPER_FUTEX)
        waker_init_futex(&s->waker);
    else if (kind == SLEEPER_EVENTFD)
        ck_assert_int_eq(waker_init_eventfd(&s->waker), 0);
    else
        waker_init_call(&s->waker, sleeper_called, s);
}

static inline void sleeper_deinit(struct sleeper *s)
{
    waker_deinit(&s->waker);
    sem_destroy(&s->called);
}

/* Sleeps until rung or TIMEOUT_NS; the waker is armed and the channels were checked. */
static inline void sleeper_sleep(struct sleeper *s, uint64_t timeout_ns)
{
    struct timespec t;

    switch (s->kind) {
    case SLEEPER_FUTEX:
        waker_wait(&s->waker, timeout_ns);
        break;
    case SLEEPER_EVENTFD:
        poll(&(struct pollfd){.fd = s->waker.fd, .events = POLLIN}, 1,
             (int)(timeout_ns / NS_PER_MS));
        break;
    default:
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_sec += (time_t)(timeout_ns / NS_PER_S);
        t.tv_nsec += (long)(timeout_ns % NS_PER_S);
        t.tv_sec += t.tv_nsec / (long)NS_PER_S;
        t.tv_nsec %= (long)NS_PER_S;
        sem_timedwait(&s->called, &t);
    }
}

/* The next message of any of N channels; fails the test when it arrived without a ring. */
static inline struct msg *sleeper_receive(struct sleeper *s, struct channel *const channels[],
                                          unsigned n)
{
    for (;;) {
        uint64_t since;
        unsigned n_empty = 0;

        for (unsigned i = 0; i < n; i++) {
            struct msg *m = channel_receive(channels[i]);

            if (m)
                return m;
        }
        waker_arm(&s->waker);
        for (unsigned i = 0; i < n; i++)
            n_empty += channel_is_empty(channels[i]);
        since = clock_now();
        if (n_empty == n)
            sleeper_sleep(s, LOST_NS);
        waker_disarm(&s->waker);
        ck_assert_msg(clock_now() - since < LOST_NS, "a wake-up was lost");
    }
}

/* Sometimes pauses for a random time, so that threads interleave at every point. */
static inline void stall(struct rng *rng)
{
    uint32_t dice = rng_below(rng, 64);

    if (dice < 4)
        sched_yield();
    else if (dice < 32)
        for (uint32_t n = rng_below(rng, 1u << (dice / 4)); n; n--)
            __asm__ volatile("" ::: "memory");
}

/* Called by the channel itself when it is built with CHANNEL_PAUSE. */
void test_pause(void);

#endif
