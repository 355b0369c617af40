/* SPDX-License-Identifier: MIT */
/*
 * Timer sleeps on its inbox until the next After is due or a message arrives. Once it has said good
 * night (Shutdown) nothing can be parked any more: the inbox is closed first, then everything that
 * is inside goes home, and the Shutdown goes last, so that its asker knows that no After is out.
 */
#include "conjure/actors/timer.h"

#include <errno.h>
#include <stdlib.h>

#include "actors/timer_heap.h"
#include "conjure/actors/actor.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

struct timer {
    struct actor actor;
    struct waker waker;
    struct timer_inbox inbox;
    struct timer_heap heap;
    struct timer_shutdown *shutdown; /* once it has come */
};

static void on_after(struct timer *t, struct timer_after *m)
{
    m->cancelled = false;
    timer_heap_push(&t->heap, m, clock_now());
}

static void on_shutdown(struct timer *t, struct timer_shutdown *m)
{
    t->shutdown = m;
}

MSG_DISPATCH(timer, TIMER_TABLE, struct timer);

static void say_good_night(struct timer *t)
{
    struct timer_after *after;
    struct msg *m;

    channel_close(&t->inbox.channel);
    while ((m = channel_receive(&t->inbox.channel)))
        timer_dispatch(t, m);
    while ((after = timer_heap_pop(&t->heap))) {
        after->cancelled = true;
        msg_reply(&after->msg);
    }
    timer_heap_deinit(&t->heap);
    msg_reply(&t->shutdown->msg);
}

static void *run(void *arg)
{
    struct timer *t = arg;

    while (!t->shutdown) {
        uint64_t now = clock_now();
        struct timer_after *after;
        struct msg *m;

        while ((after = timer_heap_pop_due(&t->heap, now)))
            msg_reply(&after->msg);
        m = channel_receive_wait(&t->inbox.channel, timer_heap_wait(&t->heap, now));
        if (m)
            timer_dispatch(t, m);
    }
    say_good_night(t);
    return NULL;
}

struct timer *timer_start(void)
{
    struct timer *t = NEW(struct timer);
    int r;

    t->actor = ACTOR_EMPTY;
    t->heap = TIMER_HEAP_EMPTY;
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
