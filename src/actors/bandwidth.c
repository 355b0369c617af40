/* SPDX-License-Identifier: MIT */
/*
 * Bandwidth: two quotas behind an inbox.
 *
 * It does not ask Timer: while a limit binds it wakes up every few milliseconds, and by way of Timer
 * that were two threads to wake and twice the delay, in which an uplink may fall idle. So it sleeps
 * on its inbox until the next deal is due.
 */
#include "conjure/actors/bandwidth.h"

#include <stdlib.h>

#include "conjure/actors/actor.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/choke/quota.h"

/* Uploads go out as evenly as is worth the wake-ups. Downloads are requested, and claims of a few
 * blocks more cost less; what comes is as even as the far end sends it. */
#define STEP_UP_NS   (5 * NS_PER_MS)
#define STEP_DOWN_NS (20 * NS_PER_MS)

#define FREE_NS NS_PER_S /* how long "no limit" holds before it is asked for again */

struct bandwidth {
    struct actor actor;
    struct bandwidth_inbox inbox;
    struct waker waker;
    struct quota quotas[N_DIRECTIONS];
    uint64_t now;
    bool exempt_lan;
    struct bandwidth_shutdown *shutdown; /* asked and not answered yet */
};

/* Once we end nothing is limited: whoever waits must come home. */
static bool is_limited(struct bandwidth *b, const struct bandwidth_want_quota *m)
{
    return !b->shutdown && !(m->lan && b->exempt_lan) &&
           quota_is_limited(&b->quotas[m->direction], m->torrent);
}

static void set_free(struct bandwidth *b, struct bandwidth_want_quota *m)
{
    m->free_until_ns = b->now + FREE_NS;
    msg_reply(&m->msg);
}

static bool is_free(const void *user, const void *arg)
{
    return !is_limited((struct bandwidth *)arg, user);
}

/* After limits have changed: those who wait for nothing. */
static void free_who_can_be(struct bandwidth *b)
{
    void *user;

    for (unsigned i = 0; i < N_DIRECTIONS; i++)
        while (quota_withdraw(&b->quotas[i], is_free, b, &user))
            set_free(b, user);
}

static void on_want_quota(struct bandwidth *b, struct bandwidth_want_quota *m)
{
    if (is_limited(b, m))
        quota_ask(&b->quotas[m->direction], m->torrent, m->peer, m, m->n_bytes, b->now);
    else
        set_free(b, m);
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
    free_who_can_be(b);
}

static void on_exempt_lan(struct bandwidth *b, struct bandwidth_exempt_lan *m)
{
    b->exempt_lan = m->exempt;
    free_who_can_be(b);
}

static void on_shutdown(struct bandwidth *b, struct bandwidth_shutdown *m)
{
    b->shutdown = m;
    free_who_can_be(b);
}

MSG_DISPATCH(bandwidth, BANDWIDTH_TABLE, struct bandwidth);

static void grant_what_there_is(struct quota *q, uint64_t now)
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
            grant_what_there_is(&b->quotas[i], b->now);
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

    quota_init(&b->quotas[DIRECTION_UP], STEP_UP_NS);
    quota_init(&b->quotas[DIRECTION_DOWN], STEP_DOWN_NS);
    waker_init_futex(&b->waker);
    channel_init(&b->inbox.channel, &b->waker);
    if (actor_start(&b->actor, "bandwidth", run, b)) {
        bandwidth_join(b);
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
