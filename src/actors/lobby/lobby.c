/* SPDX-License-Identifier: MIT */
/*
 * The Lobby's thread: epoll over the listening socket, the handshakes, the peers without a thread
 * and the waker of the inbox; and the inbox itself.
 *
 * ROUNDS. Events of one epoll_wait may name a connection that an earlier event of the same round
 * has closed. So memory is freed at the end of the round. Messages are received before connections
 * are accepted: a host that connects after Master has logged a higher limit finds a place.
 */
#include "conjure/actors/lobby.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "actors/lobby/idle.h"
#include "actors/lobby/internal.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"

#define FACILITY "lobby"

#define TICK_NS NS_PER_S
#define EVENTS  64 /* in one round */

static const struct lobby_times default_times = {
    .retry_ns = 5 * NS_PER_S,
    .hold_ns = 3 * NS_PER_S,
    .twins_ns = 10 * NS_PER_S,
    .eviction = {.unwanted_ns = 60 * NS_PER_S, .bored_ns = 600 * NS_PER_S},
};

/* --- time --------------------------------------------------------------------------------- */

static bool needs_tick(const struct lobby *l)
{
    return !l->shutdown &&
           (lobby_torrents_n(&l->torrents) || l->handshakes.n || l->listener.is_paused);
}

static void ask_for_tick(struct lobby *l)
{
    if (l->tick_is_out || !needs_tick(l))
        return;
    l->tick->delay_ns = TICK_NS;
    l->tick_is_out = lobby_ask_timer_after(&l->inbox, l->options.timer, l->tick);
}

static void ask_for_peers(struct lobby *l, struct lobby_torrent *t)
{
    struct announcer_need_peers *m = announcer_new_need_peers();

    m->swarm = t->swarm;
    announcer_tell_or_drop_need_peers(l->options.announcer, m);
}

static void reply_timer_after(struct lobby *l, struct timer_after *m)
{
    struct lobby_torrent *t;

    l->tick_is_out = false;
    if (m->cancelled || l->shutdown)
        return;
    dialling_tick(l);
    listener_tick(l);
    handshakes_tick(l);
    idle_tick(l);
    while ((t = lobby_torrents_next_due(&l->torrents, l->now))) {
        lobby_dial(l, t);
        if (lobby_torrents_must_ask(&l->torrents, t, l->now))
            ask_for_peers(l, t);
    }
}

/* --- inbox -------------------------------------------------------------------------------- */

static void on_torrent_added(struct lobby *l, struct lobby_torrent_added *m)
{
    struct lobby_torrent *t =
        lobby_torrents_add(&l->torrents, m, l->options.times->retry_ns, l->now);

    handshakes_resume_held(l, t);
}

static void on_torrent_removed(struct lobby *l, struct lobby_torrent_removed *m)
{
    struct lobby_torrent *t = lobby_torrents_find(&l->torrents, m->swarm);
    struct list *next;

    if (!t) {
        msg_reply(&m->msg);
        return;
    }
    lobby_torrents_remove(&l->torrents, t, m);
    handshakes_close_of(l, t);
    for (struct list *at = t->peers.next; at != &t->peers; at = next) {
        next = at->next;
        lobby_peer_close(l, container_of(at, struct peer, in_torrent), "its torrent is removed");
    }
}

static void on_peers_found(struct lobby *l, struct lobby_peers_found *m)
{
    struct lobby_torrent *t = lobby_torrents_find(&l->torrents, m->swarm);

    if (!t || t->removal)
        return;
    candidates_add(&t->candidates, m->source, m->addrs, m->n_addrs);
    lobby_dial(l, t);
}

static void on_adopt(struct lobby *l, struct lobby_adopt *m)
{
    idle_adopt(l, m->peer);
}

static void on_mail(struct lobby *l, struct lobby_mail *m)
{
    idle_mail(l, m->peer);
}

static void on_have(struct lobby *l, struct lobby_have *m)
{
    struct lobby_torrent *t = lobby_torrents_find(&l->torrents, m->swarm);

    if (t)
        lobby_torrent_verified(t, m->piece);
}

/* InterestStat sent its last Have before this (channel.h, guarantee E). */
static void on_torrent_completed(struct lobby *l, struct lobby_torrent_completed *m)
{
    struct lobby_torrent *t = lobby_torrents_find(&l->torrents, m->swarm);

    if (t) {
        t->super_seed = false;
        idle_complete(l, t);
    }
    msg_reply(&m->msg);
}

static void on_ban(struct lobby *l, struct lobby_ban *m)
{
    struct lobby_torrent *t = lobby_torrents_find(&l->torrents, m->swarm);
    struct list *next;
    char text[ADDR_TEXT_MAX];

    if (!t)
        return;
    log_warning(FACILITY, "%s: %s sent wrong data: banned", t->swarm->name,
                addr_format(&m->addr, text));
    for (struct list *at = t->peers.next; at != &t->peers; at = next) {
        struct peer *p = container_of(at, struct peer, in_torrent);

        next = at->next;
        if (p->state == PEER_CLOSING || !addr_equal(&p->addr, &m->addr))
            continue;
        lobby_peer_close(l, p, "it sent wrong data");
    }
    bans_strike(&l->bans, &m->addr, l->now);
}

static void on_set_max_peers(struct lobby *l, struct lobby_set_max_peers *m)
{
    l->options.max_peers = m->max_peers;
}

static void on_shutdown(struct lobby *l, struct lobby_shutdown *m)
{
    l->shutdown = m;
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, l->options.listen_fd, NULL);
    handshakes_close_all(l);
}

MSG_DISPATCH(lobby, LOBBY_TABLE, struct lobby);

/* --- the thread --------------------------------------------------------------------------- */

static void end_round(struct lobby *l)
{
    dialling_run(l);
    handshakes_free_closed(l);
    lobby_peers_free_drained(l);
    lobby_torrents_free_drained(&l->torrents);
    ask_for_tick(l);
}

static bool is_over(struct lobby *l)
{
    return l->shutdown && !lobby_torrents_n(&l->torrents) && !l->tick_is_out;
}

static void handle(struct lobby *l, const struct epoll_event *e)
{
    void *of = (void *)(uintptr_t)(e->data.u64 & ~(uint64_t)TAG_MASK);

    switch (e->data.u64 & TAG_MASK) {
    case TAG_HANDSHAKING:
        handshaking_event(l, of, e->events);
        break;
    case TAG_PEER:
        idle_event(l, of, e->events);
        break;
    default: /* the waker and the listening socket: see run */
        break;
    }
}

static void *run(void *arg)
{
    struct lobby *l = arg;
    struct epoll_event events[EVENTS];
    struct msg *m;

    while (!is_over(l)) {
        bool must_accept = false;
        int n;

        waker_arm(&l->waker);
        n = epoll_wait(l->epoll_fd, events, EVENTS, channel_is_empty(&l->inbox.channel) ? -1 : 0);
        waker_disarm(&l->waker);
        l->now = clock_now();
        for (int i = 0; i < n; i++) {
            if ((events[i].data.u64 & TAG_MASK) == TAG_LISTEN)
                must_accept = true;
            handle(l, &events[i]);
        }
        while ((m = channel_receive(&l->inbox.channel)))
            lobby_dispatch(l, m);
        if (must_accept)
            listener_event(l);
        end_round(l);
    }
    channel_close(&l->inbox.channel);
    while ((m = channel_receive(&l->inbox.channel)))
        lobby_dispatch(l, m);
    msg_reply(&l->shutdown->msg);
    return NULL;
}

struct lobby *lobby_new(void)
{
    struct lobby *l = NEW(struct lobby);

    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->waker = WAKER_EMPTY;
    if (l->epoll_fd < 0 || waker_init_eventfd(&l->waker) || session_scratch_init(&l->scratch)) {
        int error = errno;

        waker_deinit(&l->waker);
        if (l->epoll_fd >= 0)
            close(l->epoll_fd);
        free(l);
        errno = error;
        return NULL;
    }
    channel_init(&l->inbox.channel, &l->waker);
    lobby_torrents_init(&l->torrents);
    handshakes_init(&l->handshakes);
    lobby_peers_init(&l->peers);
    lobby_threads_init(&l->threads);
    hosts_init(&l->hosts);
    dial_queue_init(&l->dialling.queue);
    l->tick = timer_new_after();
    return l;
}

struct lobby_inbox *lobby_inbox(struct lobby *l)
{
    return &l->inbox;
}

int lobby_run(struct lobby *l, const struct lobby_options *options)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = TAG_LISTEN};

    l->options = *options;
    if (!l->options.times)
        l->options.times = &default_times;
    l->env = (struct peer_env){.lobby = &l->inbox,
                               .choker = options->choker,
                               .fs = options->fs,
                               .bandwidth = options->bandwidth,
                               .buffers = &l->buffers};
    credits_init(&l->buffers, PEER_BUFFERS_MAX);
    l->now = clock_now();
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, options->listen_fd, &e))
        return -errno;
    e.data.u64 = TAG_WAKER;
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->waker.fd, &e))
        return -errno;
    return actor_start(&l->actor, "lobby", run, l);
}

void lobby_join(struct lobby *l)
{
    if (!l)
        return;
    actor_join(&l->actor);
    assert(!l->env.buffers || credits_left(&l->buffers) == PEER_BUFFERS_MAX);
    session_scratch_deinit(&l->scratch);
    waker_deinit(&l->waker);
    close(l->epoll_fd);
    if (l->options.listen_fd > 0)
        close(l->options.listen_fd);
    msg_free(&l->tick->msg);
    lobby_torrents_deinit(&l->torrents);
    lobby_peers_deinit(&l->peers);
    handshakes_deinit(&l->handshakes);
    hosts_deinit(&l->hosts);
    bans_deinit(&l->bans);
    free(l);
}
