/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_ACTORS_PLAYED_H
#define CONJURE_TESTS_ACTORS_PLAYED_H

#include "../suite.h"

#include "conjure/base/clock.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/master.h"
#include "conjure/msg/peer.h"
#include "conjure/msg/timer.h"

/* A neighbour of the actor that is tested: the test plays it, and takes what comes when it expects it. */
struct played {
    struct waker waker;
    union {
        struct channel channel;
        struct timer_inbox timer;
        struct master_inbox master;
        struct lobby_inbox lobby;
        struct peer_inbox peer;
    };
};

static inline void play(struct played *x)
{
    waker_init_futex(&x->waker);
    channel_init(&x->channel, &x->waker);
}

/* The next message; NULL when none comes in 20 s. A wait may end early for nothing: see
 * channel_receive_wait. */
static inline struct msg *receive(struct played *x)
{
    uint64_t until = clock_now() + 20 * NS_PER_S, now;
    struct msg *m = NULL;

    while (!m && (now = clock_now()) < until)
        m = channel_receive_wait(&x->channel, until - now);
    return m;
}

static inline void *expect(struct played *x, uint16_t kind)
{
    struct msg *m = receive(x);

    ck_assert_msg(m, "%s does not come", msg_name(kind));
    ck_assert_msg(m->kind == kind, "%s comes instead of %s", msg_name(m->kind), msg_name(kind));
    return m;
}

#endif
