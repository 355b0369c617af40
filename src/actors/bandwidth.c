/* SPDX-License-Identifier: MIT */
/*
 * Bandwidth: two quotas behind an inbox.
 *
 * It sleeps on its inbox until the next deal is due, without Timer: while a limit binds it wakes up
 * every few milliseconds, and an After would wake two threads and double the delay, in which an
 * uplink may fall idle.
 */
#include "conjure/actors/bandwidth.h"

#include <errno.h>
#include <stdlib.h>

#include "conjure/actors/actor.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/choke/quota.h"

/* A shorter step spreads the traffic more evenly, but costs wake-ups. That of downloads is longer:
 * the blocks that we request arrive as evenly as the peer sends them. */
#define STEP_UP_NS   (5 * NS_PER_MS)
#define STEP_DOWN_NS (20 * NS_PER_MS)

#define FREE_NS NS_PER_S /* how long the reply "no limit" is valid */

struct bandwidth {
    struct actor actor;
    struct bandwidth_inbox inbox;
    struct waker waker;
    struct quota quotas[N_DIRECTIONS];
    uint64_t now;
    bool exempt_lan;
    struct bandwidth_shutdown *shutdown; /* to be answered at the end */
};

/* During shutdown nothing is limited, so that no query stays unanswered. */
static bool is_limited(struct bandwidth *b, const struct bandwidth_want_quota *m)
{
    return !b->shutdown && !(m->lan && b->exempt_lan) &&
           quota_is_limited(&b->quotas[m->direction], m->torrent);
}

static void answer_free(struct bandwidth *b, struct bandwidth_want_quota *m)
{
    m->free_until_ns = b->now + FREE_NS;
    msg_reply(&m->msg);
}

static bool is_free(const void *user, const void *arg)
{
    return !is_limited((struct bandwidth *)arg, user);
}

/* After limits have changed: answers the queries that no limit holds for any more. */
static void answer_unlimited(struct bandwidth *b)
{
    void *user;

    for (unsigned i = 0; i < N_DIRECTIONS; i++)
        while (quota_withdraw(&b->quotas[i], is_free, b, &user))
            answer_free(b, user);
}

static void on_want_quota(struct bandwidth *b, struct bandwidth_want_quota *m)
{
    if (is_limited(b, m))
        quota_request(&b->quotas[m->direction], m->torrent, m->peer, m, m->n_bytes, b->now);
    else
        answer_free(b, m);
}

static void on_return_quota(struct bandwidth *b, struct bandwidth_return_quota *m)
{
    quota_give_back(&b->quotas[m->direction], m->torrent, m->n_bytes, b->now);
}

static bool is_of_peer(const void *user, const void *arg)
{
    const struct bandwidth_want_quota *m = user;

    return m->peer == *(const uint32_t *)arg;
}

static void on_peer_left(struct bandwidth *b, struct bandwidth_peer_left *m)
{
    void *user;

    for (unsigned i = 0; i < N_DIRECTIONS; i++)
        while (quota_withdraw(&b->quotas[i], is_of_peer, &m->peer, &user))
            msg_reply(&((struct bandwidth_want_quota *)user)->msg);
}

static void on_set_limit(struct bandwidth *b, struct bandwidth_set_limit *m)
{
    struct quota *q = &b->quotas[m->direction];

    if (m->torrent == BANDWIDTH_ALL)
        quota_set_rate(q, m->bytes_per_s, b->now);
    else
        quota_set_torrent_rate(q, m->torrent, m->bytes_per_s, b->now);
    answer_unlimited(b);
}

static void on_exempt_lan(struct bandwidth *b, struct bandwidth_exempt_lan *m)
{
    b->exempt_lan = m->exempt;
    answer_unlimited(b);
}

static void on_shutdown(struct bandwidth *b, struct bandwidth_shutdown *m)
{
    b->shutdown = m;
    answer_unlimited(b);
}

MSG_DISPATCH(bandwidth, BANDWIDTH_TABLE, struct bandwidth);

static void deal_and_grant(struct quota *q, uint64_t now)
{
    uint32_t n_granted;
    void *user;

    quota_deal(q, now);
    while (quota_next_grant(q, &user, &n_granted)) {
        struct bandwidth_want_quota *m = user;

        m->n_granted = n_granted;
        msg_reply(&m->msg);
    }
}

static uint64_t wait_ns(const struct bandwidth *b)
{
    uint64_t up = quota_due_ns(&b->quotas[DIRECTION_UP]);
    uint64_t down = quota_due_ns(&b->quotas[DIRECTION_DOWN]);
    uint64_t due = up < down ? up : down, now = clock_now();

    return due == UINT64_MAX ? due : due > now ? due - now : 0;
}

static void *run(void *arg)
{
    struct bandwidth *b = arg;
    struct msg *m;

    while (!b->shutdown) {
        m = channel_receive_wait(&b->inbox.channel, wait_ns(b));
        b->now = clock_now();
        for (; m; m = channel_receive(&b->inbox.channel))
            bandwidth_dispatch(b, m);
        for (unsigned i = 0; i < N_DIRECTIONS; i++)
            deal_and_grant(&b->quotas[i], b->now);
    }
    channel_close(&b->inbox.channel);
    while ((m = channel_receive(&b->inbox.channel)))
        bandwidth_dispatch(b, m);
    msg_reply(&b->shutdown->msg);
    return NULL;
}

struct bandwidth *bandwidth_start(void)
{
    struct bandwidth *b = NEW(struct bandwidth);
    int r;

    quota_init(&b->quotas[DIRECTION_UP], STEP_UP_NS);
    quota_init(&b->quotas[DIRECTION_DOWN], STEP_DOWN_NS);
    waker_init_futex(&b->waker);
    channel_init(&b->inbox.channel, &b->waker);
    r = actor_start(&b->actor, "bandwidth", run, b);
    if (r < 0) {
        bandwidth_join(b);
        errno = -r;
        return NULL;
    }
    return b;
}

struct bandwidth_inbox *bandwidth_inbox(struct bandwidth *b)
{
    return &b->inbox;
}

void bandwidth_join(struct bandwidth *b)
{
    if (!b)
        return;
    actor_join(&b->actor);
    waker_deinit(&b->waker);
    for (unsigned i = 0; i < N_DIRECTIONS; i++)
        quota_deinit(&b->quotas[i]);
    free(b);
}
