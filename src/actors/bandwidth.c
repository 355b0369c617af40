/* SPDX-License-Identifier: MIT */
/*
 * Bandwidth: two buckets behind an inbox. While somebody is parked, one After is out, for the moment
 * when the first of the queue can be served, but never shorter than 5 ms: at high rates a wake-up
 * then serves many.
 */
#include "conjure/actors/bandwidth.h"

#include <stdlib.h>

#include "conjure/actors/actor.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/choke/bucket.h"

#define WAIT_MIN_NS (5 * NS_PER_MS)

struct bandwidth {
    struct actor actor;
    struct bandwidth_inbox inbox;
    struct waker waker;
    struct timer_inbox *timer;
    struct bucket up, down;
    bool exempt_lan;
    struct timer_after after;
    bool after_is_out;
    bool timer_ended;
    struct bandwidth_shutdown *shutdown; /* asked and not answered yet */
};

static void serve(struct bandwidth *b, struct bucket *bucket, uint64_t now)
{
    uint32_t n_granted;
    void *user;

    if (b->timer_ended || b->shutdown)
        bucket_set_rate(bucket, 0, now);
    while (bucket_next_grant(bucket, now, &user, &n_granted)) {
        struct bandwidth_want_quota *m = user;

        m->n_granted = n_granted;
        msg_reply(&m->msg);
    }
}

static void serve_all(struct bandwidth *b)
{
    uint64_t now = clock_now(), up, down, wait;

    serve(b, &b->up, now);
    serve(b, &b->down, now);
    up = bucket_wait_ns(&b->up);
    down = bucket_wait_ns(&b->down);
    wait = up < down ? up : down;
    if (wait == UINT64_MAX || b->after_is_out)
        return;
    b->after.delay_ns = wait > WAIT_MIN_NS ? wait : WAIT_MIN_NS;
    b->after_is_out = true; /* it may be home before the next line */
    if (!bandwidth_ask_timer_after(&b->inbox, b->timer, &b->after)) {
        b->after_is_out = false;
        b->timer_ended = true;
        serve_all(b);
    }
}

static void on_want_quota(struct bandwidth *b, struct bandwidth_want_quota *m)
{
    m->parked_ns = clock_now();
    if (m->lan && b->exempt_lan) {
        m->n_granted = m->n_bytes;
        msg_reply(&m->msg);
        return;
    }
    bucket_ask(m->upload ? &b->up : &b->down, m, m->n_bytes);
}

static bool is_of_peer(const void *user, const void *arg)
{
    const struct bandwidth_want_quota *m = user;

    return m->peer == *(const uint32_t *)arg;
}

static void withdraw(struct bucket *bucket, uint32_t peer)
{
    void *user;

    while (bucket_withdraw(bucket, is_of_peer, &peer, &user)) {
        struct bandwidth_want_quota *m = user;

        m->n_granted = 0;
        msg_reply(&m->msg);
    }
}

static void on_peer_left(struct bandwidth *b, struct bandwidth_peer_left *m)
{
    withdraw(&b->up, m->peer);
    withdraw(&b->down, m->peer);
}

static void on_set_limit(struct bandwidth *b, struct bandwidth_set_limit *m)
{
    if (m->torrent != BANDWIDTH_ALL)
        return; /* one torrent's own: not kept yet */
    bucket_set_rate(m->upload ? &b->up : &b->down, m->bytes_per_s, clock_now());
}

static void on_exempt_lan(struct bandwidth *b, struct bandwidth_exempt_lan *m)
{
    b->exempt_lan = m->exempt;
}

static void on_shutdown(struct bandwidth *b, struct bandwidth_shutdown *m)
{
    b->shutdown = m;
}

static void home_timer_after(struct bandwidth *b, struct timer_after *m)
{
    b->after_is_out = false;
    b->timer_ended |= m->cancelled;
}

MSG_DISPATCH(bandwidth, BANDWIDTH_TABLE, struct bandwidth);

static void *run(void *arg)
{
    struct bandwidth *b = arg;
    struct msg *m;

    while (!b->shutdown || b->after_is_out) {
        m = channel_receive_wait(&b->inbox.channel, UINT64_MAX);
        for (; m; m = channel_receive(&b->inbox.channel))
            bandwidth_dispatch(b, m);
        serve_all(b);
    }
    channel_close(&b->inbox.channel);
    while ((m = channel_receive(&b->inbox.channel)))
        bandwidth_dispatch(b, m);
    serve_all(b);
    msg_reply(&b->shutdown->msg);
    return NULL;
}

struct bandwidth *bandwidth_start(struct timer_inbox *timer)
{
    struct bandwidth *b = NEW(struct bandwidth);
    uint64_t now = clock_now();

    b->timer = timer;
    bucket_init(&b->up, 0, now);
    bucket_init(&b->down, 0, now);
    timer_init_after(&b->after);
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
    bucket_deinit(&b->up);
    bucket_deinit(&b->down);
    free(b);
}
