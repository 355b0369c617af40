/* SPDX-License-Identifier: MIT */
/*
 * What Bandwidth lets a connection move. Its answer is so many bytes, or any number for a while. In
 * the second case we ask again shortly before that ends and go on meanwhile, so that without a limit
 * nobody ever waits, but for the first block after a pause.
 *
 * At most one query is out in each direction, and only when there is too little for what is to be
 * moved next: a connection that cannot move its grant holds that one grant, for a second or so.
 *
 * The kernel takes megabytes for a peer that reads slowly, long before they go out: with a limit that
 * were quota lost to the others, and fifty such peers would starve a fast one for many seconds. So
 * while uploads are limited a socket takes little more than it can send at once. Without a limit it
 * takes all, for that is fewer wake-ups.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "actors/peer/internal.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/clock.h"

#define LIMITED_UNSENT (64 * 1024)    /* bytes in a socket that are not on their way */
#define RENEW_NS       (NS_PER_S / 4) /* so long before the end of a free time */

static struct peer_quota *quota_of(struct peer *p, bool upload)
{
    return upload ? &p->work->quota_up : &p->work->quota_down;
}

/* False when Bandwidth has ended. */
static bool ask(struct peer *p, bool upload, uint32_t n_bytes)
{
    struct bandwidth_want_quota *m;

    if (upload ? p->asked_up : p->asked_down)
        return true;
    m = bandwidth_new_want_quota();
    m->peer = p->id;
    m->torrent = p->torrent->swarm->id;
    m->lan = addr_is_lan(&p->addr);
    m->upload = upload;
    m->n_bytes = n_bytes;
    if (!peer_ask_bandwidth_want_quota(&p->inbox, p->env->bandwidth, m)) {
        msg_free(&m->msg);
        return false;
    }
    if (upload)
        p->asked_up = true;
    else
        p->asked_down = true;
    p->n_queries++;
    return true;
}

uint32_t peer_quota(struct peer *p, bool upload, uint32_t n_least, uint32_t n_most, uint64_t now)
{
    struct peer_quota *q = quota_of(p, upload);

    if (now < q->free_until_ns) {
        if (q->free_until_ns - now < RENEW_NS)
            ask(p, upload, n_most);
        return n_most;
    }
    if (q->n_bytes < n_least && !ask(p, upload, n_most - q->n_bytes))
        return n_most; /* so do we, soon */
    return q->n_bytes < n_most ? q->n_bytes : n_most;
}

void peer_quota_use(struct peer *p, bool upload, uint32_t n_bytes)
{
    struct peer_quota *q = quota_of(p, upload);

    q->n_bytes -= n_bytes < q->n_bytes ? n_bytes : q->n_bytes;
    q->used = true;
}

void peer_quota_unuse(struct peer *p, bool upload, uint32_t n_bytes)
{
    struct bandwidth_return_quota *m;

    if (!n_bytes || !(upload ? p->limited_up : p->limited_down))
        return;
    m = bandwidth_new_return_quota();
    m->torrent = p->torrent->swarm->id;
    m->upload = upload;
    m->n_bytes = n_bytes;
    bandwidth_tell_or_drop_return_quota(p->env->bandwidth, m);
}

static void set_limited_up(struct peer *p, bool limited)
{
    int unsent = limited ? LIMITED_UNSENT : 0; /* the system's own */

    if (p->limited_up == limited)
        return;
    p->limited_up = limited;
    setsockopt(p->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

void peer_quota_home(struct peer *p, struct bandwidth_want_quota *m)
{
    struct peer_quota *q;

    if (m->upload) {
        p->asked_up = false;
        set_limited_up(p, !m->free_until_ns);
    } else {
        p->asked_down = false;
        p->limited_down = !m->free_until_ns;
    }
    if (p->work) {
        q = quota_of(p, m->upload);
        q->free_until_ns = m->free_until_ns;
        q->n_bytes = m->free_until_ns ? 0 : q->n_bytes + m->n_granted;
        q->used = true;
    } else {
        peer_quota_unuse(p, m->upload, m->n_granted);
    }
    msg_free(&m->msg);
}

static void give_back(struct peer *p, bool upload)
{
    struct peer_quota *q = quota_of(p, upload);

    peer_quota_unuse(p, upload, q->n_bytes);
    q->n_bytes = 0;
}

void peer_quota_look_after(struct peer *p)
{
    struct peer_work *w = p->work;

    if (!w->quota_up.used && !p->asked_up)
        give_back(p, true);
    if (!w->quota_down.used && !p->asked_down)
        give_back(p, false);
    w->quota_up.used = w->quota_down.used = false;
}

void peer_quota_end(struct peer *p)
{
    give_back(p, true);
    give_back(p, false);
}
