/* SPDX-License-Identifier: MIT */
/*
 * The Lobby: one epoll thread that owns the listening socket, every connection that is shaking
 * hands (lobby_greet.c) and every peer that idles (lobby_peers.c). As soon as data can move on a
 * connection it is handed to a thread of its own (peer_thread.c), and taken back (Adopt) when nothing
 * moves any more or when it is over; only the Lobby closes and frees peers. Here are the torrents, the
 * inbox and the thread.
 *
 * ROUNDS. Events of one epoll_wait may name a connection that an earlier event of the same round
 * has closed; so memory goes at the end of the round.
 *
 * COST. A thousand idle torrents are looked at only when something of theirs is due: an address may be
 * dialled again, or a swarm is too small.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "actors/lobby/internal.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

#define FACILITY "lobby"

#define TICK_NS       NS_PER_S
#define NEED_PEERS_NS (30 * NS_PER_S)
#define WARN_EVERY_NS (60 * NS_PER_S)

struct lobby_torrent *lobby_find(const struct lobby *l, const struct info_hash *info_hash)
{
    return key_map_get(&l->by_hash, info_hash);
}

static struct lobby_torrent *find_torrent(const struct lobby *l, const struct swarm *swarm)
{
    return key_map_get(&l->torrents, &swarm);
}

void lobby_torrent_due(struct lobby *l, struct lobby_torrent *t, uint64_t at_ns)
{
    if (at_ns != UINT64_MAX && (!t->due.place || at_ns < t->due.at_ns))
        due_heap_set(&l->due, &t->due, at_ns);
}

static bool lacks_peers(const struct lobby_torrent *t)
{
    return t->n_lacking && t->n_peers + t->n_greetings == 0 && !t->removed;
}

void lobby_torrent_left(struct lobby *l, struct lobby_torrent *t)
{
    if (t->n_peers || t->n_greetings)
        return;
    if (t->removed)
        list_append(&l->ended, &t->in_ended);
    else if (lacks_peers(t))
        lobby_torrent_due(l, t, t->asked_ns + NEED_PEERS_NS);
}

bool lobby_may_warn(struct lobby *l, enum lobby_trouble trouble)
{
    uint64_t *at = &l->warned_ns[trouble];

    if (*at && l->now - *at < WARN_EVERY_NS)
        return false;
    *at = l->now;
    return true;
}

/* --- time --------------------------------------------------------------------------------- */

void lobby_ask_for_tick(struct lobby *l)
{
    if (l->tick_out || l->shutdown)
        return;
    l->tick->delay_ns = TICK_NS;
    l->tick_out = lobby_ask_timer_after(&l->inbox, l->options.timer, l->tick);
}

/* What is due of T, and when something will be next. */
static void look_after(struct lobby *l, struct lobby_torrent *t)
{
    lobby_dial(l, t);
    if (!lacks_peers(t))
        return;
    if (l->now - t->asked_ns >= NEED_PEERS_NS) {
        struct announcer_need_peers *need = announcer_new_need_peers();

        t->asked_ns = l->now;
        need->swarm = t->swarm;
        announcer_tell_or_drop_need_peers(l->options.announcer, need);
    }
    lobby_torrent_due(l, t, t->asked_ns + NEED_PEERS_NS);
}

static void reply_timer_after(struct lobby *l, struct timer_after *m)
{
    struct due *due;

    l->tick_out = false;
    if (m->cancelled || l->shutdown)
        return;
    l->no_dials = false;
    l->n_displaced = 0;
    l->n_put_off = 0;
    lobby_listen_again(l);
    lobby_tick_greetings(l);
    lobby_tick_peers(l);
    while ((due = due_heap_pop_due(&l->due, l->now)))
        look_after(l, container_of(due, struct lobby_torrent, due));
    if (l->torrents.n || l->n_greetings || l->deaf)
        lobby_ask_for_tick(l);
}

/* --- inbox -------------------------------------------------------------------------------- */

static bool wants_piece(const struct lobby_torrent *t, uint32_t piece)
{
    return !t->torrent->wanted.bytes || bitfield_test(&t->torrent->wanted, piece);
}

static void on_torrent_added(struct lobby *l, struct lobby_torrent_added *m)
{
    struct lobby_torrent *t = NEW(struct lobby_torrent), *former;

    t->torrent = m->torrent;
    t->swarm = m->torrent->swarm;
    t->have = m->have;
    t->super_seed = m->super_seed;
    for (uint32_t i = 0; i < t->have.n_bits; i++)
        t->n_lacking += wants_piece(t, i) && !bitfield_test(&t->have, i);
    t->number = l->n_torrents_ever++;
    t->asked_ns = l->now;
    t->info_hash = t->swarm->info_hash;
    list_init(&t->peers);
    list_init(&t->greetings);
    key_map_put(&l->torrents, t);
    former = lobby_find(l, &t->info_hash);
    if (!former || former->removed) /* it may come again while the last of it is leaving */
        key_map_put(&l->by_hash, t);
    if (lacks_peers(t))
        lobby_torrent_due(l, t, t->asked_ns + NEED_PEERS_NS);
    lobby_greet_held(l, t);
    lobby_ask_for_tick(l);
}

/* Those whose last connection has gone. */
static void finish_removals(struct lobby *l)
{
    struct list *first;

    while ((first = list_first(&l->ended))) {
        struct lobby_torrent *t = container_of(first, struct lobby_torrent, in_ended);

        list_remove(first);
        due_heap_remove(&l->due, &t->due);
        key_map_remove(&l->torrents, &t->swarm);
        if (lobby_find(l, &t->info_hash) == t)
            key_map_remove(&l->by_hash, &t->info_hash);
        msg_reply(&t->removed->msg);
        bitfield_deinit(&t->have);
        free(t->candidates);
        free(t);
    }
}

static void on_torrent_removed(struct lobby *l, struct lobby_torrent_removed *m)
{
    struct lobby_torrent *t = find_torrent(l, m->swarm);
    struct list *at, *next;

    if (!t) {
        msg_reply(&m->msg);
        return;
    }
    t->removed = m;
    due_heap_remove(&l->due, &t->due);
    if (!t->n_peers && !t->n_greetings)
        lobby_torrent_left(l, t);
    while ((at = list_first(&t->greetings)))
        greeting_close(l, container_of(at, struct greeting, in_torrent), OUTCOME_NEUTRAL);
    for (at = t->peers.next; at != &t->peers; at = next) {
        next = at->next;
        lobby_peer_shut(l, container_of(at, struct peer, in_torrent), "its torrent is removed");
    }
}

static void on_peers_found(struct lobby *l, struct lobby_peers_found *m)
{
    struct lobby_torrent *t = find_torrent(l, m->swarm);

    if (!t || t->removed)
        return;
    candidates_add(t, m->addrs, m->n_addrs);
    lobby_dial(l, t);
}

static void on_adopt(struct lobby *l, struct lobby_adopt *m)
{
    lobby_peer_adopt(l, m->peer);
}

static void on_mail(struct lobby *l, struct lobby_mail *m)
{
    lobby_peer_mail(l, m->peer);
}

static void on_have(struct lobby *l, struct lobby_have *m)
{
    struct lobby_torrent *t = find_torrent(l, m->swarm);

    if (t && bitfield_set(&t->have, m->piece))
        t->n_lacking -= wants_piece(t, m->piece);
}

/* All HAVEs of InterestStat came before this. */
static void on_torrent_completed(struct lobby *l, struct lobby_torrent_completed *m)
{
    struct lobby_torrent *t = find_torrent(l, m->swarm);

    if (t) {
        t->super_seed = false;
        lobby_peers_complete(t);
    }
    msg_reply(&m->msg);
}

static void on_ban(struct lobby *l, struct lobby_ban *m)
{
    struct lobby_torrent *t = find_torrent(l, m->swarm);
    bool incoming = true;
    struct list *next;
    char text[ADDR_TEXT_MAX];

    if (!t)
        return;
    log_warning(FACILITY, "%s: %s sent wrong data: banned", t->swarm->name,
                addr_format(&m->addr, text));
    for (unsigned i = 0; i < t->n_candidates; i++)
        if (addr_equal(&t->candidates[i].addr, &m->addr))
            incoming = false;
    for (struct list *at = t->peers.next; at != &t->peers; at = next) {
        struct peer *p = container_of(at, struct peer, in_torrent);

        next = at->next;
        if (p->state == PEER_CLOSING || !addr_equal(&p->addr, &m->addr))
            continue;
        incoming = p->incoming;
        lobby_peer_shut(l, p, "it sent wrong data");
    }
    lobby_ban(l, &m->addr, incoming);
}

static void on_set_max_peers(struct lobby *l, struct lobby_set_max_peers *m)
{
    l->options.max_peers = m->max_peers;
}

static void on_shutdown(struct lobby *l, struct lobby_shutdown *m)
{
    struct list *first;

    l->shutdown = m;
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, l->options.listen_fd, NULL);
    while ((first = list_first(&l->greetings)))
        greeting_close(l, container_of(first, struct greeting, in_lobby), OUTCOME_NEUTRAL);
}

MSG_DISPATCH(lobby, LOBBY_TABLE, struct lobby);

/* --- the thread --------------------------------------------------------------------------- */

static void end_round(struct lobby *l)
{
    struct list *first;
    struct peer *p;

    while ((first = list_first(&l->over))) {
        list_remove(first);
        free(container_of(first, struct greeting, in_lobby));
    }
    while ((p = l->gone)) {
        l->gone = p->twin;
        peer_free(p);
    }
    finish_removals(l);
}

static bool is_over(struct lobby *l)
{
    return l->shutdown && !l->torrents.n && !l->tick_out;
}

static void handle(struct lobby *l, const struct epoll_event *e)
{
    void *what = (void *)(uintptr_t)(e->data.u64 & ~UINT64_C(3));

    switch (e->data.u64 & 3) {
    case TAG_LISTEN:
        lobby_accept(l);
        break;
    case TAG_GREETING:
        greeting_event(l, what, e->events);
        break;
    case TAG_PEER:
        lobby_peer_event(l, what, e->events);
        break;
    default: /* the waker: messages are taken in every round */
        break;
    }
}

static void *run(void *arg)
{
    struct lobby *l = arg;
    struct epoll_event events[64];
    struct msg *m;

    while (!is_over(l)) {
        int n;

        waker_arm(&l->waker);
        n = epoll_wait(l->epoll_fd, events, 64, channel_is_empty(&l->inbox.channel) ? -1 : 0);
        waker_disarm(&l->waker);
        l->now = clock_now();
        for (int i = 0; i < n; i++)
            handle(l, &events[i]);
        while ((m = channel_receive(&l->inbox.channel)))
            lobby_dispatch(l, m);
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
    if (l->epoll_fd < 0 || waker_init_eventfd(&l->waker) || session_scratch_init(&l->scratch))
        return NULL;
    channel_init(&l->inbox.channel, &l->waker);
    rng_seed_from_kernel(&l->rng);
    l->torrents = KEY_MAP(struct lobby_torrent, swarm);
    l->by_hash = KEY_MAP(struct lobby_torrent, info_hash);
    l->by_key = KEY_MAP(struct peer, key);
    list_init(&l->ended);
    list_init(&l->greetings);
    list_init(&l->over);
    list_init(&l->newcomers);
    list_init(&l->waiting);
    l->n_from = mem_new_array(LOBBY_HOST_COUNTS, sizeof *l->n_from);
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
    l->env = (struct peer_env){.lobby = &l->inbox,
                               .choker = options->choker,
                               .fs = options->fs,
                               .bandwidth = options->bandwidth};
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
    session_scratch_deinit(&l->scratch);
    waker_deinit(&l->waker);
    close(l->epoll_fd);
    if (l->options.listen_fd > 0)
        close(l->options.listen_fd);
    msg_free(&l->tick->msg);
    key_map_deinit(&l->torrents);
    key_map_deinit(&l->by_hash);
    key_map_deinit(&l->by_key);
    due_heap_deinit(&l->due);
    free(l->peers);
    free(l->n_from);
    free(l->banned);
    free(l);
}
