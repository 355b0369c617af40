/* SPDX-License-Identifier: MIT */
/* The end of a connection: it leaves all actors that know it, and waits for their replies. */
#include "actors/peer/internal.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/log.h"

#define FACILITY "peer"

static void leave_bandwidth(struct peer *p)
{
    struct bandwidth_peer_left *m;

    if (!p->asked_quota[DIRECTION_UP] && !p->asked_quota[DIRECTION_DOWN])
        return;
    m = bandwidth_new_peer_left();
    m->peer = p->id;
    bandwidth_tell_or_drop_peer_left(p->env->bandwidth, m);
}

static void leave_choker(struct peer *p)
{
    struct choker_peer_left *m;

    if (!p->joined_choker)
        return;
    p->joined_choker = false;
    m = choker_new_peer_left();
    m->peer = p->id;
    if (peer_ask_choker_peer_left(&p->inbox, p->env->choker, m))
        p->n_queries++;
    else
        msg_free(&m->msg);
}

static void leave_interest(struct peer *p)
{
    struct interest_peer_left *m;

    if (!p->joined_interest)
        return;
    p->joined_interest = false;
    m = interest_new_peer_left();
    m->peer = p->id;
    if (peer_ask_interest_peer_left(&p->inbox, &p->torrent->interest, m))
        p->n_queries++;
    else
        msg_free(&m->msg);
}

void peer_close(struct peer *p)
{
    owner_assert(&p->owner);
    p->state = PEER_CLOSING;
    if (log_threshold >= LOG_LEVEL_DEBUG) {
        char text[ADDR_TEXT_MAX];

        log_debug(FACILITY, "%s: closed: %s", addr_format(&p->addr, text),
                  p->reason ? p->reason : "no reason given");
    }
    stream_close(&p->stream);
    peer_download_drop_claims(p); /* which stores the blocks that arrived */
    leave_bandwidth(p);
    leave_choker(p);
}

bool peer_continue_close(struct peer *p)
{
    owner_assert(&p->owner);
    /* PeerLeft returns all claims: not while blocks of one are being stored. */
    if (!p->n_stores)
        leave_interest(p);
    return p->n_queries == 0;
}
