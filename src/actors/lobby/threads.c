/* SPDX-License-Identifier: MIT */
#include "actors/lobby/threads.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "actors/lobby/internal.h"
#include "actors/lobby/peers.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

#define FACILITY "lobby"

#define YIELD_LOOKS 256 /* ids that are checked in a tick for peers that have a thread */

void lobby_threads_init(struct lobby_threads *ts)
{
    *ts = (struct lobby_threads){0};
    list_init(&ts->waiting);
}

bool threads_has_work(const struct peer *p)
{
    return session_n_in_flight(&p->session) || session_has_uploads(&p->session) ||
           peer_could_ask(p);
}

/* 0; or -errno, and then the Lobby still drives P. */
static int start(struct lobby *l, struct peer *p)
{
    int r = waker_init_eventfd(&p->thread_waker);

    if (r)
        return r;
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, stream_fd(&p->stream), NULL);
    channel_set_waker(&p->inbox.channel, &p->thread_waker);
    p->state = PEER_IN_THREAD;
    r = peer_thread_start(p);
    if (!r)
        return 0;
    p->state = PEER_IN_LOBBY;
    channel_set_waker(&p->inbox.channel, &p->mail_waker);
    waker_deinit(&p->thread_waker);
    lobby_peer_watch(l, p, EPOLL_CTL_ADD);
    /* A message that arrived meanwhile rang the other waker. */
    if (!channel_is_empty(&p->inbox.channel))
        waker_ring(&p->mail_waker);
    return r;
}

void threads_give(struct lobby *l, struct peer *p)
{
    int r = -EAGAIN;

    owner_assert(&l->owner);
    /* From now on P is sent our new pieces, even if it has sent no bitfield. */
    peer_join_interest(p);
    if (list_is_empty(&l->threads.waiting) && !(r = start(l, p))) {
        list_remove(&p->in_queue);
        return;
    }
    if (list_is_empty(&l->threads.waiting) &&
        troubles_must_log(&l->troubles, TROUBLE_THREAD, l->now))
        log_warning(FACILITY, "no thread for a peer, it must wait: %s", strerror(-r));
    if (!p->waits_for_thread) {
        p->waits_for_thread = true;
        list_remove(&p->in_queue);
        list_append(&l->threads.waiting, &p->in_queue);
    }
}

void threads_take_back(struct lobby *l, struct peer *p)
{
    owner_assert(&l->owner);
    /* The thread did not touch P after it sent Adopt. */
    channel_set_waker(&p->inbox.channel, &p->mail_waker);
    waker_deinit(&p->thread_waker);
    p->state = PEER_IN_LOBBY;
    p->idle_since_ns = l->now;
    session_shrink(&p->session);
    p->want_write = false;
    lobby_peer_watch(l, p, EPOLL_CTL_ADD);
}

void threads_start_waiting(struct lobby *l)
{
    struct list *first;

    owner_assert(&l->owner);
    while ((first = list_first(&l->threads.waiting))) {
        struct peer *p = container_of(first, struct peer, in_queue);

        if ((session_is_active(&p->session) || threads_has_work(p)) && start(l, p))
            return;
        p->waits_for_thread = false;
        list_remove(first);
    }
}

void threads_ask_to_yield(struct lobby *l)
{
    owner_assert(&l->owner);
    if (list_is_empty(&l->threads.waiting))
        return;
    for (uint32_t i = 0; i < YIELD_LOOKS && i < l->peers.n_ids; i++) {
        struct peer *p = lobby_peers_next(l, &l->threads.yield_at);

        if (p && p->state == PEER_IN_THREAD)
            peer_tell_or_drop_yield(&p->inbox, peer_new_yield());
    }
}
