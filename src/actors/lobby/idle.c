/* SPDX-License-Identifier: MIT */
#include "actors/lobby/idle.h"

#include <sys/epoll.h>

#include "actors/lobby/internal.h"
#include "actors/lobby/peers.h"
#include "actors/lobby/threads.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

#define TURNS         10       /* each peer is checked once in so many ticks */
#define SILENT_MAX_NS NS_PER_S /* a peer that sent nothing for longer has no piece */

/* After an event: sends the output, and hands P to a thread if data can move now. */
static void settle(struct lobby *l, struct peer *p)
{
    if (lobby_peer_flush(l, p) && session_is_active(&p->session))
        threads_give(l, p);
}

void idle_begin(struct lobby *l, struct peer *p)
{
    owner_assert(&l->owner);
    settle(l, p);
    /* epoll does not report bytes that were read with the handshake. */
    while (p->state == PEER_IN_LOBBY && stream_has_pushback(&p->stream))
        idle_event(l, p, EPOLLIN);
}

void idle_event(struct lobby *l, struct peer *p, uint32_t events)
{
    owner_assert(&l->owner);
    if (p->state != PEER_IN_LOBBY)
        return;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && peer_read(p, &l->scratch, l->now) < 0) {
        lobby_peer_close(l, p, NULL);
        return;
    }
    settle(l, p);
}

void idle_mail(struct lobby *l, struct peer *p)
{
    owner_assert(&l->owner);
    waker_arm(&p->mail_waker);
    if (p->state == PEER_IN_THREAD)
        return;
    peer_receive_all(p);
    if (p->state == PEER_CLOSING)
        lobby_peer_free_if_drained(l, p);
    else
        settle(l, p);
}

void idle_adopt(struct lobby *l, struct peer *p)
{
    owner_assert(&l->owner);
    threads_take_back(l, p);
    peer_receive_all(p);
    if (p->lobby_torrent->removal)
        p->must_close = true;
    if (lobby_peer_flush(l, p) && threads_has_work(p))
        threads_give(l, p);
    threads_start_waiting(l);
}

static void tick_silent(struct lobby *l)
{
    struct list *first;

    while ((first = list_first(&l->peers.silent))) {
        struct peer *p = container_of(first, struct peer, in_queue);

        if (l->now - p->connected_ns <= SILENT_MAX_NS)
            return;
        list_remove(first);
        if (p->state == PEER_IN_LOBBY)
            peer_join_interest(p);
    }
}

static void tick_peer(struct lobby *l, struct peer *p)
{
    if (p->has_twin && p->state != PEER_CLOSING &&
        l->now - p->connected_ns > l->options.times->twins_ns) {
        lobby_peer_close_twin(l, p); /* P may be the one that is closed */
        return;
    }
    if (p->state != PEER_IN_LOBBY)
        return;
    if (session_tick(&p->session, l->now))
        lobby_peer_close(l, p, "silent for too long");
    else if (p->seeding && peer_wants_nothing(p))
        lobby_peer_close(l, p, PEER_USELESS);
    else if (lobby_peer_flush(l, p) && threads_has_work(p))
        threads_give(l, p);
}

void idle_tick(struct lobby *l)
{
    owner_assert(&l->owner);
    tick_silent(l);
    threads_start_waiting(l);
    threads_ask_to_yield(l);
    for (uint32_t n = (l->peers.n_ids + TURNS - 1) / TURNS; n; n--) {
        struct peer *p = lobby_peers_next(l, &l->idle_at);

        if (p)
            tick_peer(l, p);
    }
}

void idle_complete(struct lobby *l, struct lobby_torrent *t)
{
    owner_assert(&l->owner);
    for (struct list *at = t->peers.next; at != &t->peers; at = at->next) {
        struct peer *p = container_of(at, struct peer, in_torrent);
        struct peer_completed *c;

        if (p->state == PEER_CLOSING)
            continue;
        /* P may have missed HAVEs since its handshake: InterestStat sends them. */
        if (p->state == PEER_IN_LOBBY)
            peer_join_interest(p);
        c = peer_new_completed();
        c->have = lobby_torrent_have(t);
        peer_tell_or_drop_completed(&p->inbox, c);
    }
}
