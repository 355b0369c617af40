/* SPDX-License-Identifier: MIT */
/*
 * The quota that Bandwidth grants to a connection: a number of bytes, or any number until a time.
 * In the second case we ask again shortly before that time and go on meanwhile, so that without a
 * limit only the first block after a pause waits.
 *
 * At most one query is out in each direction, and only while the quota is too small for the next
 * move: a connection that cannot use its grant holds that one grant, for a second or so.
 *
 * The kernel accepts megabytes for a peer that reads slowly, long before it sends them. With a
 * limit those bytes are quota that others cannot use, and fifty such peers would starve a fast one
 * for many seconds. So while uploads are limited a stream accepts little more than it can send at
 * once. Without a limit it accepts all, which takes fewer wake-ups.
 */
#include "actors/peer/quota.h"

#include "actors/peer/internal.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/clock.h"

#define LIMITED_UNSENT (64 * 1024) /* bytes that a limited stream accepts and does not send yet */
#define RENEW_NS       (NS_PER_S / 4) /* before the end of a free time */

/* False when Bandwidth has ended. */
static bool ask(struct peer *p, enum direction direction, uint32_t n_bytes)
{
    struct bandwidth_want_quota *m;

    if (p->asked_quota[direction])
        return true;
    m = bandwidth_new_want_quota();
    m->peer = p->id;
    m->torrent = p->torrent->swarm->id;
    m->lan = addr_is_lan(&p->addr);
    m->direction = direction;
    m->n_bytes = n_bytes;
    if (!peer_ask_bandwidth_want_quota(&p->inbox, p->env->bandwidth, m)) {
        msg_free(&m->msg);
        return false;
    }
    p->asked_quota[direction] = true;
    p->n_queries++;
    return true;
}

uint32_t peer_quota_get(struct peer *p, enum direction direction, uint32_t n_least, uint32_t n_most,
                        uint64_t now)
{
    struct peer_quota *q = &p->work->quotas[direction];

    owner_assert(&p->owner);
    if (now < q->free_until_ns) {
        if (q->free_until_ns - now < RENEW_NS)
            ask(p, direction, n_most);
        return n_most;
    }
    if (q->n_bytes < n_least && !ask(p, direction, n_most - q->n_bytes))
        return n_most; /* Bandwidth has ended, and this connection ends soon */
    return q->n_bytes < n_most ? q->n_bytes : n_most;
}

void peer_quota_use(struct peer *p, enum direction direction, uint32_t n_bytes)
{
    struct peer_quota *q = &p->work->quotas[direction];

    owner_assert(&p->owner);
    q->n_bytes -= n_bytes < q->n_bytes ? n_bytes : q->n_bytes;
    q->used = true;
}

static void return_to_bandwidth(struct peer *p, enum direction direction, uint32_t n_bytes)
{
    struct bandwidth_return_quota *m;

    if (!n_bytes || !p->limited[direction])
        return;
    m = bandwidth_new_return_quota();
    m->torrent = p->torrent->swarm->id;
    m->direction = direction;
    m->n_bytes = n_bytes;
    bandwidth_tell_or_drop_return_quota(p->env->bandwidth, m);
}

void peer_quota_return(struct peer *p, enum direction direction, uint32_t n_bytes)
{
    owner_assert(&p->owner);
    if (!n_bytes || !p->limited[direction])
        return;
    if (p->work && p->state != PEER_CLOSING)
        p->work->quotas[direction].n_bytes += n_bytes;
    else
        return_to_bandwidth(p, direction, n_bytes);
}

static void set_limited(struct peer *p, enum direction direction, bool limited)
{
    if (p->limited[direction] == limited)
        return;
    p->limited[direction] = limited;
    if (direction == DIRECTION_UP && p->state != PEER_CLOSING)
        stream_tune(&p->stream, STREAM_UNSENT_MAX, limited ? LIMITED_UNSENT : 0);
}

void peer_quota_replied(struct peer *p, struct bandwidth_want_quota *m)
{
    struct peer_quota *q;

    owner_assert(&p->owner);
    p->n_queries--;
    p->asked_quota[m->direction] = false;
    set_limited(p, m->direction, !m->free_until_ns);
    if (p->work) {
        q = &p->work->quotas[m->direction];
        q->free_until_ns = m->free_until_ns;
        q->n_bytes = m->free_until_ns ? 0 : q->n_bytes + m->n_granted;
        q->used = true;
    } else {
        peer_quota_return(p, m->direction, m->n_granted);
    }
    msg_free(&m->msg);
}

static void return_rest(struct peer *p, enum direction direction)
{
    struct peer_quota *q = &p->work->quotas[direction];

    return_to_bandwidth(p, direction, q->n_bytes);
    q->n_bytes = 0;
}

void peer_quota_tick(struct peer *p)
{
    struct peer_work *w = p->work;

    owner_assert(&p->owner);
    for (enum direction d = 0; d < N_DIRECTIONS; d++) {
        if (!w->quotas[d].used && !p->asked_quota[d])
            return_rest(p, d);
        w->quotas[d].used = false;
    }
}

void peer_quota_return_all(struct peer *p)
{
    owner_assert(&p->owner);
    for (enum direction d = 0; d < N_DIRECTIONS; d++)
        return_rest(p, d);
}
