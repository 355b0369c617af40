/* SPDX-License-Identifier: MIT */
/*
 * MAIL. The inbox of a peer without a thread has a waker that sends the Lobby a Mail message, which
 * is embedded in the peer. The waker's `armed` says whether that message may be sent: ringing
 * disarms and sends, receiving Mail arms again. A peer is freed only when its inbox is closed and
 * the waker is armed after that: closing waits for a sender that has sent and not yet rung, so no
 * Mail can name a peer that was freed. While the peer is in a thread, the channel rings the
 * thread's waker instead.
 */
#include "actors/lobby/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "actors/lobby/internal.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"
#include "conjure/swarm/twins.h"

#define FACILITY "lobby"

#define N_IDS_MIN       64
#define USEFUL_AFTER_NS (60 * NS_PER_S) /* a shorter connection without content has failed */

void lobby_peers_init(struct lobby_peers *ps)
{
    *ps = (struct lobby_peers){.by_key = KEY_MAP(struct peer, key)};
    list_init(&ps->silent);
}

void lobby_peers_deinit(struct lobby_peers *ps)
{
    key_map_deinit(&ps->by_key);
    free(ps->by_id);
}

/* --- ids and keys ------------------------------------------------------------------------- */

uint32_t lobby_peers_new_id(struct lobby *l)
{
    struct lobby_peers *ps = &l->peers;

    owner_assert(&l->owner);
    /* A quarter is kept free, so that the search is short. */
    if (ps->n >= ps->n_ids / 4 * 3) {
        uint32_t n = ps->n_ids ? 2 * ps->n_ids : N_IDS_MIN;

        ps->by_id = mem_resize(ps->by_id, n, sizeof *ps->by_id);
        memset(ps->by_id + ps->n_ids, 0, (n - ps->n_ids) * sizeof *ps->by_id);
        ps->id_at = ps->n_ids;
        ps->n_ids = n;
    }
    for (;;) {
        uint32_t id = ps->id_at++ & (ps->n_ids - 1);

        if (!ps->by_id[id])
            return id;
    }
}

void lobby_peers_add(struct lobby *l, struct peer *p)
{
    struct lobby_torrent *t = p->lobby_torrent;

    owner_assert(&l->owner);
    l->peers.by_id[p->id] = p;
    l->peers.n++;
    l->peers.n_open++;
    list_append(&t->peers, &p->in_torrent);
    t->n_peers++;
    p->twin = key_map_put(&l->peers.by_key, p);
    p->has_twin = p->twin != NULL;
}

struct peer *lobby_peers_find(const struct lobby *l, const struct peer_key *key)
{
    return key_map_get(&l->peers.by_key, key);
}

struct peer *lobby_peers_next(const struct lobby *l, uint32_t *atp)
{
    return l->peers.n_ids ? l->peers.by_id[(*atp)++ & (l->peers.n_ids - 1)] : NULL;
}

static void remove_key(struct lobby *l, struct peer *p)
{
    struct peer *latest = lobby_peers_find(l, &p->key);

    if (latest != p) {
        while (latest->twin != p)
            latest = latest->twin;
        latest->twin = p->twin;
    } else if (p->twin) {
        key_map_put(&l->peers.by_key, p->twin);
    } else {
        key_map_remove(&l->peers.by_key, &p->key);
    }
    p->twin = NULL;
}

/* --- input and output --------------------------------------------------------------------- */

void lobby_peer_watch(struct lobby *l, struct peer *p, int op)
{
    struct epoll_event e = {.events = EPOLLIN | (p->want_write ? EPOLLOUT : 0),
                            .data.u64 = (uintptr_t)p | TAG_PEER};

    owner_assert(&l->owner);
    if (!epoll_ctl(l->epoll_fd, op, stream_fd(&p->stream), &e))
        return;
    p->must_close = true;
    p->reason = strerror(errno);
    if (troubles_must_log(&l->troubles, TROUBLE_WATCH, l->now))
        log_warning(FACILITY, "cannot watch a connection, closing it: %s", p->reason);
}

bool lobby_peer_flush(struct lobby *l, struct peer *p)
{
    int r = p->must_close ? -ECANCELED : peer_flush(p, l->now);

    owner_assert(&l->owner);
    if (r < 0) {
        lobby_peer_close(l, p, NULL);
        return false;
    }
    if ((r == PEER_FULL) != p->want_write) {
        p->want_write = r == PEER_FULL;
        lobby_peer_watch(l, p, EPOLL_CTL_MOD);
    }
    return true;
}

/* --- closing ------------------------------------------------------------------------------ */

static enum candidate_outcome outcome_of(const struct lobby *l, const struct peer *p)
{
    if (!p->lobby_torrent->n_missing && peer_wants_nothing(p))
        return CANDIDATE_USELESS;
    if (p->at_fault)
        return CANDIDATE_FAILED;
    if (p->session.up.total || p->session.down.total || l->now - p->connected_ns >= USEFUL_AFTER_NS)
        return CANDIDATE_USEFUL;
    return CANDIDATE_FAILED;
}

void lobby_peer_free_if_drained(struct lobby *l, struct peer *p)
{
    struct lobby_torrent *t = p->lobby_torrent;

    owner_assert(&l->owner);
    if (!peer_continue_close(p))
        return;
    channel_close(&p->inbox.channel);
    if (!atomic_load(&p->mail_waker.armed))
        return; /* a last Mail is on its way, and the peer is freed when it arrives */
    lobby_torrents_due(&l->torrents, t,
                       candidates_peer_left(&t->candidates, p->id, outcome_of(l, p), l->now));
    list_remove(&p->in_torrent);
    t->n_peers--;
    l->peers.n--;
    l->peers.by_id[p->id] = NULL;
    p->twin = l->peers.drained;
    l->peers.drained = p;
    lobby_torrents_left(&l->torrents, t);
}

void lobby_peer_close(struct lobby *l, struct peer *p, const char *reason)
{
    owner_assert(&l->owner);
    if (p->state == PEER_IN_THREAD) {
        peer_tell_or_drop_shutdown(&p->inbox, peer_new_shutdown());
        return;
    }
    if (p->state == PEER_CLOSING)
        return;
    if (!p->reason)
        p->reason = reason;
    list_remove(&p->in_queue);
    remove_key(l, p);
    hosts_remove(&l->hosts, &p->addr);
    l->peers.n_open--;
    peer_close(p);
    lobby_peer_free_if_drained(l, p);
}

void lobby_peer_close_twin(struct lobby *l, struct peer *p)
{
    struct peer *twin = lobby_peers_find(l, &p->key);
    enum twin_direction closed = twin_to_close(p->lobby_torrent->swarm->peer_id, p->key.peer_id);

    owner_assert(&l->owner);
    p->has_twin = false;
    if (twin == p)
        twin = p->twin;
    if (twin)
        lobby_peer_close(l, p->incoming == (closed == TWIN_INCOMING) ? p : twin,
                         "the same peer is connected in the other direction");
}

void lobby_peers_free_drained(struct lobby *l)
{
    struct peer *p;

    owner_assert(&l->owner);
    while ((p = l->peers.drained)) {
        l->peers.drained = p->twin;
        peer_free(p);
    }
}
