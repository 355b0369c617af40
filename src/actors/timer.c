/* SPDX-License-Identifier: MIT */
/*
 * Timer sleeps on its inbox until the next After is due or a message arrives, but at most
 * SLEEP_MAX_NS: a suspend of the system makes a sleep longer, and what is overdue then must not
 * wait. For a Shutdown it closes the inbox, then answers all Afters and last the Shutdown, so that
 * its sender knows that Timer has no After any more.
 */
#include "conjure/actors/timer.h"

#include <errno.h>
#include <stdlib.h>

#include "conjure/actors/actor.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/due_heap.h"

#define SLEEP_MAX_NS (30 * NS_PER_S)

struct timer {
    struct actor actor;
    struct waker waker;
    struct timer_inbox inbox;
    struct due_heap heap;
    struct timer_shutdown *shutdown; /* to be answered at the end */
};

static void on_after(struct timer *t, struct timer_after *m)
{
    uint64_t at;

    m->cancelled = false;
    m->due = DUE_EMPTY;
    /* A delay of UINT64_MAX is never due. */
    if (__builtin_add_overflow(clock_now(), m->delay_ns, &at))
        at = UINT64_MAX;
    due_heap_set(&t->heap, &m->due, at);
}

static void on_shutdown(struct timer *t, struct timer_shutdown *m)
{
    t->shutdown = m;
}

MSG_DISPATCH(timer, TIMER_TABLE, struct timer);

static void cancel_all(struct timer *t)
{
    struct due *due;
    struct msg *m;

    channel_close(&t->inbox.channel);
    while ((m = channel_receive(&t->inbox.channel)))
        timer_dispatch(t, m);
    while ((due = due_heap_pop(&t->heap))) {
        struct timer_after *after = container_of(due, struct timer_after, due);

        after->cancelled = true;
        msg_reply(&after->msg);
    }
    due_heap_deinit(&t->heap);
    msg_reply(&t->shutdown->msg);
}

static uint64_t sleep_ns(uint64_t now, uint64_t next)
{
    if (next == UINT64_MAX)
        return UINT64_MAX;
    return next - now < SLEEP_MAX_NS ? next - now : SLEEP_MAX_NS;
}

static void *run(void *arg)
{
    struct timer *t = arg;

    while (!t->shutdown) {
        uint64_t now = clock_now(), next;
        struct due *due;
        struct msg *m;

        while ((due = due_heap_pop_due(&t->heap, now)))
            msg_reply(&container_of(due, struct timer_after, due)->msg);
        next = due_heap_next_ns(&t->heap);
        m = channel_receive_wait(&t->inbox.channel, sleep_ns(now, next));
        if (m)
            timer_dispatch(t, m);
    }
    cancel_all(t);
    return NULL;
}

struct timer *timer_start(void)
{
    struct timer *t = NEW(struct timer);
    int r;

    t->actor = ACTOR_EMPTY;
    t->heap = DUE_HEAP_EMPTY;
    waker_init_futex(&t->waker);
    channel_init(&t->inbox.channel, &t->waker);
    r = actor_start(&t->actor, "timer", run, t);
    if (r < 0) {
        free(t);
        errno = -r;
        return NULL;
    }
    return t;
}

struct timer_inbox *timer_inbox(struct timer *t)
{
    return &t->inbox;
}

void timer_join(struct timer *t)
{
    if (!t)
        return;
    actor_join(&t->actor);
    waker_deinit(&t->waker);
    free(t);
}
