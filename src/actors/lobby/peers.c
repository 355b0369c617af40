/* SPDX-License-Identifier: MIT */
/*
 * The peers that the Lobby drives, and those that it has lent to threads.
 *
 * MAIL. An idle peer's inbox rings no thread of its own. Its waker sends the Lobby a Mail message
 * that is embedded in the peer. The waker's `armed` says whether that message is at home: ringing
 * disarms and sends, receiving Mail arms again. A peer is freed only when its inbox is closed and
 * the waker is armed after that: closing waits for a sender that has sent and not yet rung, so no
 * Mail can name a peer that is gone. During a stay in a thread the channel rings the thread's waker
 * instead; a Mail sent just before is received here and needs nothing done.
 *
 * THREADS. When the system has none (or no descriptor for its waker), a peer that needs one waits in
 * a queue. Whenever a thread has ended, and once a second, the first of the queue tries again; and those
 * whose threads only wait are asked to Yield them. Until then the Lobby goes on reading from it.
 *
 * COST. Ten thousand idle peers cost next to nothing: nobody walks all of them. Their clocks (silence,
 * keep-alives) are looked at in turns, a tenth of the ids a second; newcomers, those who wait and those
 * whose place is needed stand in queues, or are found by looking at so many ids and no more.
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

#define LOOK_TURNS    10       /* ticks in which each peer is looked at once */
#define JOIN_AFTER_NS NS_PER_S /* without a first message: it has nothing */
/* To part from one of two connections with one peer. A test builds this file with less. */
#ifndef TWINS_NS
#define TWINS_NS (10 * NS_PER_S)
#endif

#define OF_USE_AFTER_NS (60 * NS_PER_S) /* a shorter connection without content was a failure */

/* See lobby_make_room. A test builds this file with less. */
#ifndef EVICTABLE_AFTER_NS
#define EVICTABLE_AFTER_NS (60 * NS_PER_S)  /* time for a newcomer to become of use */
#define BORED_AFTER_NS     (600 * NS_PER_S) /* interested all the time, and never served */
#endif
#define EVICT_LOOKS 64  /* ids that are looked at for one newcomer */
#define YIELD_LOOKS 256 /* and in a tick, for threads to be given back */

/* --- ids and hosts ------------------------------------------------------------------------ */

static uint32_t new_id(struct lobby *l)
{
    /* A quarter is kept free, so that the search is short. */
    if (l->n_peers >= l->n_ids / 4 * 3) {
        uint32_t n = l->n_ids ? 2 * l->n_ids : 64;

        l->peers = mem_resize(l->peers, n, sizeof *l->peers);
        memset(l->peers + l->n_ids, 0, (n - l->n_ids) * sizeof *l->peers);
        l->id_at = l->n_ids;
        l->n_ids = n;
    }
    for (;;) {
        uint32_t id = l->id_at++ & (l->n_ids - 1);

        if (!l->peers[id])
            return id;
    }
}

/* IPv6 hosts have a /64 to themselves. */
static uint16_t *count_of(const struct lobby *l, const struct addr *a)
{
    uint64_t h = siphash(sip_secret_of_process(), a->ip, a->family == AF_INET ? 4 : 8);

    return &l->n_from[h & (LOBBY_HOST_COUNTS - 1)];
}

void lobby_count_host(struct lobby *l, const struct addr *a, int by)
{
    uint16_t *n = count_of(l, a);

    *n = (uint16_t)(*n + by);
}

bool lobby_is_crowd(const struct lobby *l, const struct addr *a)
{
    return *count_of(l, a) > LOBBY_CROWD;
}

/* --- coming and going --------------------------------------------------------------------- */

/* Fails for lack of memory; then P would never be heard of again, so it is to be closed. */
static void watch(struct lobby *l, struct peer *p, int op)
{
    struct epoll_event e = {.events = EPOLLIN | (p->want_write ? EPOLLOUT : 0),
                            .data.u64 = (uintptr_t)p | TAG_PEER};

    if (epoll_ctl(l->epoll_fd, op, stream_fd(&p->stream), &e)) {
        p->must_close = true;
        p->reason = strerror(errno);
        if (lobby_may_warn(l, TROUBLE_WATCH))
            log_warning(FACILITY, "cannot watch a connection, closing it: %s", p->reason);
    }
}

static enum outcome outcome_of(struct lobby *l, const struct peer *p)
{
    if (!p->lobby_torrent->n_lacking && peer_wants_nothing(p))
        return OUTCOME_USELESS;
    if (p->at_fault)
        return OUTCOME_FAILED;
    if (p->session.up.total || p->session.down.total || l->now - p->since_ns >= OF_USE_AFTER_NS)
        return OUTCOME_GOOD;
    return OUTCOME_FAILED;
}

/* Peers with the same key hang on the latest of them. */
static void add_key(struct lobby *l, struct peer *p)
{
    p->twin = key_map_put(&l->by_key, p);
}

static void remove_key(struct lobby *l, struct peer *p)
{
    struct peer *first = key_map_get(&l->by_key, &p->key);

    if (first != p) {
        while (first->twin != p)
            first = first->twin;
        first->twin = p->twin;
    } else if (p->twin) {
        key_map_put(&l->by_key, p->twin);
    } else {
        key_map_remove(&l->by_key, &p->key);
    }
    p->twin = NULL;
}

static void bury_if_done(struct lobby *l, struct peer *p)
{
    struct lobby_torrent *t = p->lobby_torrent;

    if (!peer_continue_close(p))
        return;
    channel_close(&p->inbox.channel);
    if (!atomic_load(&p->mail_waker.armed))
        return; /* a last Mail is on its way and will come by here again */
    lobby_torrent_due(l, t, candidates_peer_gone(t, p->id, outcome_of(l, p), l->now));
    list_remove(&p->in_torrent);
    t->n_peers--;
    l->n_peers--;
    l->peers[p->id] = NULL;
    p->twin = l->gone;
    l->gone = p;
    lobby_torrent_left(l, t);
}

/* REASON is for when P has none of its own. */
static void close_peer(struct lobby *l, struct peer *p, const char *reason)
{
    if (p->state == PEER_CLOSING)
        return;
    if (!p->reason)
        p->reason = reason;
    list_remove(&p->in_queue);
    remove_key(l, p);
    lobby_count_host(l, &p->addr, -1);
    l->n_open--;
    peer_close(p);
    bury_if_done(l, p);
}

void lobby_peer_shut(struct lobby *l, struct peer *p, const char *reason)
{
    if (p->state == PEER_IN_THREAD)
        peer_tell_or_drop_shutdown(&p->inbox, peer_new_shutdown());
    else
        close_peer(l, p, reason);
}

/* --- whose place is needed ---------------------------------------------------------------- */

/* How little use an idle connection is: the greater the sooner it goes; 0: it stays. Who wants nothing
 * that we have and has nothing that we want may go after a while, before those who moved content once.
 * Who is interested stays, unless it has waited very long. Of a crowd from one host any idle one may go,
 * and goes first. */
static unsigned uselessness(struct lobby *l, const struct peer *p)
{
    bool wants = p->session.peer_interested || p->session.we_interested, crowd;
    uint64_t idle = l->now - p->idle_ns;

    if (p->state != PEER_IN_LOBBY || session_is_active(&p->session))
        return 0;
    crowd = lobby_is_crowd(l, &p->addr);
    if (!crowd && idle < (wants ? BORED_AFTER_NS : EVICTABLE_AFTER_NS))
        return 0;
    return 1u + !(p->session.up.total || p->session.down.total) + 2u * !wants + 4u * crowd;
}

bool lobby_make_room(struct lobby *l, const struct addr *a)
{
    struct peer *worst = NULL;
    unsigned most = 0;

    for (uint32_t i = 0; i < EVICT_LOOKS && i < l->n_ids; i++) {
        struct peer *p = l->peers[l->evict_at++ & (l->n_ids - 1)];
        unsigned u = p ? uselessness(l, p) : 0;

        if (u && (u > most || (u == most && p->idle_ns < worst->idle_ns))) {
            worst = p;
            most = u;
        }
    }
    /* One host alone does not push the others out. */
    if (!worst || (a && lobby_is_crowd(l, a) && !lobby_is_crowd(l, &worst->addr)))
        return false;
    close_peer(l, worst, "of little use to either end, and its place is needed");
    return true;
}

/* --- threads ------------------------------------------------------------------------------ */

/* 0 or -errno; then P is still here. */
static int start_thread(struct lobby *l, struct peer *p)
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
    watch(l, p, EPOLL_CTL_ADD);
    /* What came meanwhile rang nobody. */
    if (!channel_is_empty(&p->inbox.channel))
        waker_ring(&p->mail_waker);
    return r;
}

static void to_thread(struct lobby *l, struct peer *p)
{
    int r = -EAGAIN;

    /* A peer that moves data hears of our new pieces, also one that had nothing to say first. */
    peer_join_interest(p);
    if (list_is_empty(&l->waiting) && !(r = start_thread(l, p))) {
        list_remove(&p->in_queue);
        return;
    }
    if (list_is_empty(&l->waiting) && lobby_may_warn(l, TROUBLE_THREAD))
        log_warning(FACILITY, "no thread for a peer, it must wait: %s", strerror(-r));
    if (!p->waits) {
        p->waits = true;
        list_remove(&p->in_queue);
        list_append(&l->waiting, &p->in_queue);
    }
}

/* Whether there is work for a thread right now, not only the permission to do some. */
static bool has_work(const struct peer *p)
{
    return session_n_in_flight(&p->session) || session_has_uploads(&p->session) ||
           peer_could_ask(p);
}

/* Gives threads to those who wait, as long as the system has any. */
static void hire(struct lobby *l)
{
    struct list *first;

    while ((first = list_first(&l->waiting))) {
        struct peer *p = container_of(first, struct peer, in_queue);

        if ((session_is_active(&p->session) || has_work(p)) && start_thread(l, p))
            return;
        p->waits = false;
        list_remove(first);
    }
}

/* Asks some who have a thread to give it back once nothing moves: by themselves they would keep it for a
 * minute. */
static void ask_for_threads(struct lobby *l)
{
    for (uint32_t i = 0; i < YIELD_LOOKS && i < l->n_ids && !list_is_empty(&l->waiting); i++) {
        struct peer *p = l->peers[l->yield_at++ & (l->n_ids - 1)];

        if (p && p->state == PEER_IN_THREAD)
            peer_tell_or_drop_yield(&p->inbox, peer_new_yield());
    }
}

/* Sends what P has to say. False when that was its end. */
static bool speak(struct lobby *l, struct peer *p)
{
    int r = p->must_close ? -ECANCELED : peer_flush(p, l->now);

    if (r < 0) {
        close_peer(l, p, NULL);
        return false;
    }
    if ((r == PEER_FULL) != p->want_write) {
        p->want_write = r == PEER_FULL;
        watch(l, p, EPOLL_CTL_MOD);
    }
    return true;
}

/* After an event that may have made data move: decides where P belongs. */
static void settle(struct lobby *l, struct peer *p)
{
    if (speak(l, p) && session_is_active(&p->session))
        to_thread(l, p);
}

void lobby_peer_event(struct lobby *l, struct peer *p, uint32_t events)
{
    if (p->state != PEER_IN_LOBBY)
        return;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && peer_read(p, &l->scratch, l->now) < 0) {
        close_peer(l, p, NULL);
        return;
    }
    settle(l, p);
}

void lobby_peer_mail(struct lobby *l, struct peer *p)
{
    waker_arm(&p->mail_waker);
    if (p->state == PEER_IN_THREAD)
        return;
    peer_receive_all(p);
    if (p->state == PEER_CLOSING)
        bury_if_done(l, p);
    else
        settle(l, p);
}

void lobby_peer_adopt(struct lobby *l, struct peer *p)
{
    /* The thread touches the peer no more: its message was its last word. */
    channel_set_waker(&p->inbox.channel, &p->mail_waker);
    waker_deinit(&p->thread_waker);
    p->state = PEER_IN_LOBBY;
    p->idle_ns = l->now;
    session_shrink(&p->session);
    p->want_write = false;
    watch(l, p, EPOLL_CTL_ADD);
    peer_receive_all(p);
    if (p->lobby_torrent->removed)
        p->must_close = true;
    if (speak(l, p) && has_work(p))
        to_thread(l, p);
    hire(l);
}

/* --- twins -------------------------------------------------------------------------------- */

/* TWINS. When both ends dial at the same time there are two connections between the same two peers.
 * Most clients keep the older one, but each end may think another one older, and if each closes at
 * once both are lost. So a twin that came the other way round is let in; the far end may close one by
 * its own rule, and what is still double after a while we close by ours: the one that the peer with
 * the higher id dialled stays. Another Conjure agrees on that, so there it is done at once. */
static void part_twins(struct lobby *l, struct peer *p)
{
    struct peer *twin = key_map_get(&l->by_key, &p->key);
    bool we_are_higher = memcmp(p->torrent->swarm->peer_id, p->key.peer_id, 20) > 0;

    p->has_twin = false;
    if (twin == p)
        twin = p->twin;
    if (twin)
        lobby_peer_shut(l, p->incoming == we_are_higher ? p : twin,
                        "the same peer is connected the other way round");
}

/* Whether this connection is to be given up for one with the same peer that is there already. */
static bool is_duplicate(struct lobby *l, const struct greeting *g, const struct peer_key *key)
{
    struct peer *p = key_map_get(&l->by_key, key);

    if (!p || (p->incoming != g->incoming && l->now - p->since_ns < TWINS_NS && !p->has_twin))
        return false;
    if (!g->incoming)
        candidates_connected(g->torrent, &g->addr, p->id);
    return true;
}

/* --- newcomers ---------------------------------------------------------------------------- */

static void tell_choker_joined(struct lobby *l, struct peer *p, bool fast)
{
    struct choker_peer_joined *m = choker_new_peer_joined();

    m->peer = p->id;
    m->torrent = p->torrent;
    m->inbox = &p->inbox;
    m->fast = fast;
    p->joined_choker = choker_tell_peer_joined(l->env.choker, m);
    if (!p->joined_choker)
        msg_free(&m->msg);
}

/* What there is to serve, for peers; NULL: everything. It changes only while something lacks. */
static const struct bitfield *have_of(const struct lobby_torrent *t)
{
    return bitfield_all(&t->have) ? NULL : &t->have;
}

static void become_peer(struct lobby *l, const struct greeting *g, const struct handshake *h,
                        const struct peer_key *key)
{
    struct lobby_torrent *t = g->torrent;
    struct peer_options options = {.addr = g->addr,
                                   .id = new_id(l),
                                   .fast = h->fast,
                                   .seeding = !t->n_lacking,
                                   .have = have_of(t)};
    struct stream stream;
    struct peer *p;

    stream_init_tcp(&stream, g->fd);
    p = peer_new(&l->env, t->torrent, &stream, &options, l->now);
    p->key = *key;
    p->incoming = g->incoming;
    p->n_seen = t->have.n_set;
    p->lobby_torrent = t;
    l->peers[p->id] = p;
    l->n_peers++;
    l->n_open++;
    list_append(&t->peers, &p->in_torrent);
    t->n_peers++;
    add_key(l, p);
    p->has_twin = p->twin != NULL;
    if (t->super_seed)
        peer_super_seed(p);
    if (p->session.keep_bitfield)
        list_append(&l->newcomers, &p->in_queue);
    if (!p->incoming)
        candidates_connected(t, &p->addr, p->id);
    watch(l, p, EPOLL_CTL_ADD);
    if (h->extended)
        session_set_extensions(&p->session, &extensions_ours, t->torrent->swarm->is_private);
    session_say_have_set(&p->session, t->super_seed ? NULL : &t->have);
    /* Who super-seeds is careful not to look like a seed. */
    session_say_extensions(&p->session, t->torrent->swarm->port, p->seeding && !t->super_seed);
    tell_choker_joined(l, p, h->fast);
    if (p->has_twin && !memcmp(key->peer_id, HANDSHAKE_CLIENT, strlen(HANDSHAKE_CLIENT)))
        part_twins(l, p);
    if (p->state == PEER_IN_LOBBY)
        settle(l, p);
}

void lobby_promote(struct lobby *l, struct greeting *g, const struct handshake *h)
{
    struct peer_key key = {.torrent = g->torrent->number};
    const char *refusal = NULL;
    char text[ADDR_TEXT_MAX];

    memcpy(key.peer_id, h->peer_id, sizeof key.peer_id);
    if (!memcmp(h->peer_id, g->torrent->torrent->swarm->peer_id, 20)) {
        refusal = "ourselves";
        if (!g->incoming)
            candidates_release(g->torrent, &g->addr, OUTCOME_OURSELVES, l->now);
    } else if (is_duplicate(l, g, &key)) {
        refusal = "connected already";
    }
    if (log_threshold >= LOG_LEVEL_DEBUG)
        log_debug(FACILITY, "%s: %s%s", addr_format(&g->addr, text),
                  refusal ? refusal : "connected", !refusal && h->fast ? ", fast" : "");
    if (refusal) {
        close(g->fd);
        lobby_count_host(l, &g->addr, -1);
    } else {
        become_peer(l, g, h, &key);
    }
}

/* --- time --------------------------------------------------------------------------------- */

static void tick_newcomers(struct lobby *l)
{
    struct list *first;

    while ((first = list_first(&l->newcomers))) {
        struct peer *p = container_of(first, struct peer, in_queue);

        if (l->now - p->since_ns <= JOIN_AFTER_NS)
            return;
        list_remove(first);
        if (p->state == PEER_IN_LOBBY)
            peer_join_interest(p);
    }
}

static void look_after(struct lobby *l, struct peer *p)
{
    if (p->has_twin && p->state != PEER_CLOSING && l->now - p->since_ns > TWINS_NS) {
        part_twins(l, p); /* which may be its end */
        return;
    }
    if (p->state != PEER_IN_LOBBY)
        return;
    if (session_tick(&p->session, l->now))
        close_peer(l, p, "silent for too long");
    else if (p->seeding && peer_wants_nothing(p))
        close_peer(l, p, "neither end wants anything of the other");
    else if (speak(l, p) && has_work(p))
        to_thread(l, p);
}

void lobby_tick_peers(struct lobby *l)
{
    tick_newcomers(l);
    hire(l);
    ask_for_threads(l);
    for (uint32_t n = (l->n_ids + LOOK_TURNS - 1) / LOOK_TURNS; n; n--) {
        struct peer *p = l->peers[l->look_at++ & (l->n_ids - 1)];

        if (p)
            look_after(l, p);
    }
}

/* A connection whose handshake was before the last HAVE and that has not joined InterestStat joins now,
 * so that it is told what it has missed. */
void lobby_peers_complete(struct lobby_torrent *t)
{
    for (struct list *at = t->peers.next; at != &t->peers; at = at->next) {
        struct peer *p = container_of(at, struct peer, in_torrent);
        struct peer_completed *c;

        if (p->state == PEER_CLOSING)
            continue;
        if (p->state == PEER_IN_LOBBY)
            peer_join_interest(p);
        c = peer_new_completed();
        c->have = have_of(t);
        peer_tell_or_drop_completed(&p->inbox, c);
    }
}
