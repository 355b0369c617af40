/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_ACTORS_STUB_INBOX_H
#define CONJURE_TESTS_ACTORS_STUB_INBOX_H

#include "../suite.h"

#include "conjure/base/clock.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/master.h"
#include "conjure/msg/peer.h"
#include "conjure/msg/timer.h"

/* The inbox of an actor that the test stands in for; of any kind. */
struct stub_inbox {
    struct waker waker;
    union {
        struct channel channel;
        struct timer_inbox timer;
        struct master_inbox master;
        struct lobby_inbox lobby;
        struct peer_inbox peer;
    };
};

static inline void stub_inbox_init(struct stub_inbox *x)
{
    waker_init_futex(&x->waker);
    channel_init(&x->channel, &x->waker);
}

/* The next message; NULL when none arrives in 20 s. A wait may end early: see
 * channel_receive_wait. */
static inline struct msg *receive(struct stub_inbox *x)
{
    uint64_t until = clock_now() + 20 * NS_PER_S, now;
    struct msg *m = NULL;

    while (!m && (now = clock_now()) < until)
        m = channel_receive_wait(&x->channel, until - now);
    return m;
}

/* The next message, which must be of KIND. */
static inline void *expect(struct stub_inbox *x, uint16_t kind)
{
    struct msg *m = receive(x);

    ck_assert_msg(m, "%s does not arrive", msg_name(kind));
    ck_assert_msg(m->kind == kind, "%s arrives instead of %s", msg_name(m->kind), msg_name(kind));
    return m;
}

#endif
