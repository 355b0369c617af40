/* SPDX-License-Identifier: MIT */
/*
 * The Lobby: one epoll thread that owns the listening socket, every connection that is shaking
 * hands and every peer that idles. As soon as data can move on a connection it is handed to a
 * thread of its own (peer_thread.c), and taken back (Adopt) when nothing moves any more or when it
 * is over; only the Lobby closes and frees peers.
 *
 * MAIL. An idle peer's inbox rings no thread of its own. Its waker sends the Lobby a Mail message
 * that is embedded in the peer. The waker's `armed` says whether that message is at home: ringing
 * disarms and sends, receiving Mail arms again. A peer is freed only when its inbox is closed and
 * the waker is armed after that: closing waits for a sender that has sent and not yet rung, so no
 * Mail can name a peer that is gone. During a stay in a thread the channel rings the thread's waker
 * instead; a Mail sent just before is received here and needs nothing done.
 *
 * ROUNDS. Events of one epoll_wait may name a connection that an earlier event of the same round
 * has closed; so memory goes at the end of the round.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "actors/lobby.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"

#define FACILITY "lobby"

#define TICK_NS       NS_PER_S
#define SLOW_TICK_NS  (10 * NS_PER_S)
#define JOIN_AFTER_NS NS_PER_S /* without a first message: it has nothing */
#define NEED_PEERS_NS (30 * NS_PER_S)
#define WARN_EVERY_NS (60 * NS_PER_S)
/* To part from one of two connections with one peer. A test builds this file with less. */
#ifndef TWINS_NS
#define TWINS_NS (10 * NS_PER_S)
#endif

#define OF_USE_AFTER_NS    (60 * NS_PER_S) /* a shorter connection without content was a failure */
#define EVICTABLE_AFTER_NS (60 * NS_PER_S) /* time for a newcomer to become of use */

struct lobby_torrent *lobby_find(struct lobby *l, const uint8_t info_hash[20])
{
    for (struct lobby_torrent *t = l->torrents; t; t = t->next)
        if (!memcmp(metainfo_info_hash(t->torrent->meta), info_hash, 20))
            return t;
    return NULL;
}

static struct lobby_torrent *find_torrent(struct lobby *l, const struct torrent *torrent)
{
    for (struct lobby_torrent *t = l->torrents; t; t = t->next)
        if (t->torrent == torrent)
            return t;
    return NULL;
}

bool lobby_may_warn(struct lobby *l)
{
    if (l->warned_ns && l->now - l->warned_ns < WARN_EVERY_NS)
        return false;
    l->warned_ns = l->now;
    return true;
}

/* --- peers -------------------------------------------------------------------------------- */

static uint32_t new_id(struct lobby *l)
{
    for (uint32_t i = 0; i < l->n_ids; i++) {
        uint32_t id = l->id_at++ % l->n_ids;

        if (!l->peers[id])
            return id;
    }
    l->peers = mem_resize(l->peers, l->n_ids ? 2 * l->n_ids : 64, sizeof *l->peers);
    for (uint32_t id = l->n_ids; id < (l->n_ids ? 2 * l->n_ids : 64); id++)
        l->peers[id] = NULL;
    l->id_at = l->n_ids;
    l->n_ids = l->n_ids ? 2 * l->n_ids : 64;
    return l->id_at++;
}

/* Fails for lack of memory; then P would never be heard of again, so it is to be closed. */
static void watch(struct lobby *l, struct peer *p, int op)
{
    struct epoll_event e = {.events = EPOLLIN | (p->want_write ? EPOLLOUT : 0),
                            .data.u64 = (uintptr_t)p | TAG_PEER};

    if (epoll_ctl(l->epoll_fd, op, p->fd, &e)) {
        p->must_close = true;
        p->reason = strerror(errno);
    }
}

static enum outcome outcome_of(struct lobby *l, const struct lobby_torrent *t, const struct peer *p)
{
    if (!t->n_lacking && peer_wants_nothing(p))
        return OUTCOME_USELESS;
    if (p->failed)
        return OUTCOME_FAILED;
    if (p->session.up.total || p->session.down.total || l->now - p->since_ns >= OF_USE_AFTER_NS)
        return OUTCOME_GOOD;
    return OUTCOME_FAILED;
}

static void bury_if_done(struct lobby *l, struct peer *p)
{
    struct lobby_torrent *t = find_torrent(l, p->torrent);

    if (!peer_close_goes_on(p))
        return;
    channel_close(&p->inbox.channel);
    if (!atomic_load(&p->mail_waker.armed))
        return; /* a last Mail is on its way and will come by here again */
    candidates_peer_gone(t, p->id, outcome_of(l, t, p), l->now);
    if (p->next)
        p->next->prevp = p->prevp;
    *p->prevp = p->next;
    t->n_peers--;
    l->n_peers--;
    l->peers[p->id] = NULL;
    p->next = l->gone;
    l->gone = p;
}

/* REASON is for when P has none of its own. */
static void close_peer(struct lobby *l, struct peer *p, const char *reason)
{
    if (p->state == PEER_CLOSING)
        return;
    if (!p->reason)
        p->reason = reason;
    peer_close(p);
    bury_if_done(l, p);
}

/* Closes P wherever it is. */
static void shut_peer(struct lobby *l, struct peer *p, const char *reason)
{
    if (p->state == PEER_IN_THREAD)
        peer_tell_or_drop_shutdown(&p->inbox, peer_new_shutdown());
    else
        close_peer(l, p, reason);
}

bool lobby_make_room(struct lobby *l)
{
    struct peer *oldest = NULL;

    for (struct lobby_torrent *t = l->torrents; t; t = t->next) {
        for (struct peer *p = t->peers; p; p = p->next) {
            if (p->state != PEER_IN_LOBBY || p->session.peer_interested ||
                p->session.we_interested || l->now - p->since_ns < EVICTABLE_AFTER_NS ||
                (oldest && oldest->since_ns <= p->since_ns))
                continue;
            oldest = p;
        }
    }
    if (!oldest)
        return false;
    close_peer(l, oldest, "of no use to either end, and its place is needed");
    return true;
}

/* When there is no thread P stays, and is tried again at its next event or slow tick. */
static void to_thread(struct lobby *l, struct peer *p)
{
    int r = waker_init_eventfd(&p->thread_waker);

    if (!r) {
        /* A peer that moves data hears of our new pieces, also one that had nothing to say first. */
        peer_join_interest(p, NULL, false);
        epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, p->fd, NULL);
        channel_set_waker(&p->inbox.channel, &p->thread_waker);
        p->state = PEER_IN_THREAD;
        r = peer_thread_start(p);
        if (!r)
            return;
        p->state = PEER_IN_LOBBY;
        channel_set_waker(&p->inbox.channel, &p->mail_waker);
        waker_deinit(&p->thread_waker);
        watch(l, p, EPOLL_CTL_ADD);
        /* What came meanwhile rang nobody. */
        if (!channel_is_empty(&p->inbox.channel))
            waker_ring(&p->mail_waker);
    }
    if (lobby_may_warn(l))
        log_warning(FACILITY, "no thread for a peer: %s", strerror(-r));
}

/* Sends what P has to say. False when that was its end. */
static bool speak(struct lobby *l, struct peer *p)
{
    int r = p->must_close ? -ECANCELED : peer_flush(p, l->now);

    if (r < 0) {
        close_peer(l, p, NULL);
        return false;
    }
    if (r != p->want_write) {
        p->want_write = r;
        watch(l, p, EPOLL_CTL_MOD);
    }
    return true;
}

/* Whether there is work for a thread right now, not only the permission to do some. */
static bool has_work(const struct peer *p)
{
    return session_n_in_flight(&p->session) || session_has_uploads(&p->session) ||
           peer_could_ask(p);
}

/* After an event that may have made data move: decides where P belongs. */
static void settle(struct lobby *l, struct peer *p)
{
    if (speak(l, p) && session_is_active(&p->session))
        to_thread(l, p);
}

static void peer_event(struct lobby *l, struct peer *p, uint32_t events)
{
    if (p->state != PEER_IN_LOBBY)
        return;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && peer_read(p, &l->scratch, l->now) < 0) {
        close_peer(l, p, NULL);
        return;
    }
    settle(l, p);
}

static struct peer *find_twin(struct lobby_torrent *t, const uint8_t peer_id[20],
                              const struct peer *other)
{
    for (struct peer *p = t->peers; p; p = p->next)
        if (p != other && p->state != PEER_CLOSING && !memcmp(p->peer_id, peer_id, 20))
            return p;
    return NULL;
}

/* TWINS. When both ends dial at the same time there are two connections between the same two peers.
 * Most clients keep the older one, but each end may think another one older, and if each closes at
 * once both are lost. So a twin that came the other way round is let in; the far end may close one by
 * its own rule, and what is still double after a while we close by ours: the one that the peer with
 * the higher id dialled stays. Another Conjure agrees on that, so there it is done at once. */
static void part_twins(struct lobby *l, struct lobby_torrent *t, struct peer *p)
{
    struct peer *twin = find_twin(t, p->peer_id, p);
    bool we_are_higher = memcmp(t->torrent->peer_id, p->peer_id, 20) > 0;

    p->has_twin = false;
    if (twin)
        shut_peer(l, p->incoming == we_are_higher ? p : twin,
                  "the same peer is connected the other way round");
}

/* Whether this connection is to be given up for one with the same peer that is there already. */
static bool is_duplicate(struct lobby *l, struct lobby_torrent *t, struct greeting *g,
                         const struct handshake *h)
{
    struct peer *p = find_twin(t, h->peer_id, NULL);

    if (!p || (p->incoming != g->incoming && l->now - p->since_ns < TWINS_NS && !p->has_twin))
        return false;
    if (!g->incoming)
        candidates_connected(t, &g->addr, p->id);
    return true;
}

/* What there is to serve, for peers; NULL: everything. It changes only while something lacks. */
static const struct bitfield *have_of(const struct lobby_torrent *t)
{
    return bitfield_all(&t->have) ? NULL : &t->have;
}

void lobby_promote(struct lobby *l, struct greeting *g, const struct handshake *h)
{
    struct lobby_torrent *t = g->torrent;
    struct choker_peer_joined *m;
    bool seeding = !t->n_lacking;
    char text[ADDR_TEXT_MAX];
    struct peer *p;

    if (!memcmp(h->peer_id, t->torrent->peer_id, 20)) {
        log_debug(FACILITY, "%s: ourselves", addr_format(&g->addr, text));
        close(g->fd);
        if (!g->incoming)
            candidates_release(t, &g->addr, OUTCOME_OURSELVES, l->now);
        return;
    }
    if (is_duplicate(l, t, g, h)) {
        log_debug(FACILITY, "%s: connected already", addr_format(&g->addr, text));
        close(g->fd);
        return;
    }
    p = peer_new(&l->env, t->torrent, g->fd, &g->addr, new_id(l), h->fast, seeding, have_of(t),
                 l->now);
    memcpy(p->peer_id, h->peer_id, 20);
    p->incoming = g->incoming;
    p->has_twin = find_twin(t, p->peer_id, NULL) != NULL;
    p->n_seen = t->have.n_set;
    l->peers[p->id] = p;
    l->n_peers++;
    p->next = t->peers;
    if (p->next)
        p->next->prevp = &p->next;
    p->prevp = &t->peers;
    t->peers = p;
    t->n_peers++;
    if (!p->incoming)
        candidates_connected(t, &p->addr, p->id);
    watch(l, p, EPOLL_CTL_ADD);
    log_debug(FACILITY, "%s: connected%s", addr_format(&g->addr, text), h->fast ? ", fast" : "");
    p->session.extended = h->extended;
    session_say_have_set(&p->session, &t->have);
    session_say_extensions(&p->session, t->torrent->port, seeding);
    m = choker_new_peer_joined();
    m->peer = p->id;
    m->torrent = p->torrent;
    m->inbox = &p->inbox;
    m->fast = h->fast;
    p->joined_choker = choker_tell_peer_joined(l->env.choker, m);
    if (!p->joined_choker)
        msg_free(&m->msg);
    if (p->has_twin && !memcmp(p->peer_id, HANDSHAKE_CLIENT, strlen(HANDSHAKE_CLIENT)))
        part_twins(l, t, p);
    if (p->state == PEER_IN_LOBBY)
        settle(l, p);
}

/* --- time --------------------------------------------------------------------------------- */

void lobby_ask_for_tick(struct lobby *l)
{
    if (l->tick_out || l->shutdown)
        return;
    l->tick->delay_ns = TICK_NS;
    l->tick_out = lobby_ask_timer_after(&l->inbox, l->options.timer, l->tick);
}

static void tick_peers(struct lobby *l, struct lobby_torrent *t, bool slow)
{
    struct peer *next;

    for (struct peer *p = t->peers; p; p = next) {
        if (p->has_twin && p->state != PEER_CLOSING && l->now - p->since_ns > TWINS_NS) {
            part_twins(l, t, p);
            next = t->peers; /* any of them may be buried */
            continue;
        }
        next = p->next;
        if (p->state != PEER_IN_LOBBY)
            continue;
        if (!p->joined_interest && !p->seeding && l->now - p->since_ns > JOIN_AFTER_NS)
            peer_join_interest(p, NULL, false);
        if (!slow)
            continue;
        if (session_tick(&p->session, l->now))
            close_peer(l, p, "silent for too long");
        else if (p->seeding && peer_wants_nothing(p))
            close_peer(l, p, "neither end wants anything of the other");
        else if (speak(l, p) && has_work(p))
            to_thread(l, p);
    }
}

static void home_timer_after(struct lobby *l, struct timer_after *m)
{
    bool slow = l->now - l->slow_tick_ns >= SLOW_TICK_NS;
    struct greeting *next;

    l->tick_out = false;
    if (m->cancelled || l->shutdown)
        return;
    if (slow)
        l->slow_tick_ns = l->now;
    lobby_listen_again(l);
    for (struct greeting *g = l->greetings; g; g = next) {
        next = g->next;
        if (g->deadline_ns <= l->now)
            greeting_close(l, g, OUTCOME_FAILED);
    }
    for (struct lobby_torrent *t = l->torrents; t; t = t->next) {
        tick_peers(l, t, slow);
        lobby_dial(l, t);
        if (t->n_lacking && t->n_peers + t->n_greetings == 0 && !t->removed &&
            l->now - t->asked_ns > NEED_PEERS_NS) {
            struct announcer_need_peers *need = announcer_new_need_peers();

            t->asked_ns = l->now;
            need->torrent = t->torrent;
            announcer_tell_or_drop_need_peers(l->options.announcer, need);
        }
    }
    if (l->torrents || l->greetings || l->deaf)
        lobby_ask_for_tick(l);
}

/* --- inbox -------------------------------------------------------------------------------- */

static bool wants_piece(const struct lobby_torrent *t, uint32_t piece)
{
    return !t->torrent->wanted.bytes || bitfield_test(&t->torrent->wanted, piece);
}

static void on_torrent_added(struct lobby *l, struct lobby_torrent_added *m)
{
    struct lobby_torrent *t = NEW(struct lobby_torrent);

    t->torrent = m->torrent;
    t->have = m->have;
    for (uint32_t i = 0; i < t->have.n_bits; i++)
        t->n_lacking += wants_piece(t, i) && !bitfield_test(&t->have, i);
    t->asked_ns = l->now;
    t->next = l->torrents;
    l->torrents = t;
    lobby_ask_for_tick(l);
}

static void finish_removal(struct lobby *l)
{
    struct lobby_torrent **link = &l->torrents, *t;

    while ((t = *link)) {
        if (!t->removed || t->n_peers || t->n_greetings) {
            link = &t->next;
            continue;
        }
        *link = t->next;
        msg_reply(&t->removed->msg);
        bitfield_deinit(&t->have);
        free(t->candidates);
        free(t);
    }
}

static void on_torrent_removed(struct lobby *l, struct lobby_torrent_removed *m)
{
    struct lobby_torrent *t = find_torrent(l, m->torrent);
    struct greeting *next_greeting;
    struct peer *next;

    if (!t) {
        msg_reply(&m->msg);
        return;
    }
    t->removed = m;
    for (struct greeting *g = l->greetings; g; g = next_greeting) {
        next_greeting = g->next;
        if (g->torrent == t)
            greeting_close(l, g, OUTCOME_NEUTRAL);
    }
    for (struct peer *p = t->peers; p; p = next) {
        next = p->next;
        shut_peer(l, p, "its torrent is removed");
    }
}

static void on_peers_found(struct lobby *l, struct lobby_peers_found *m)
{
    struct lobby_torrent *t = find_torrent(l, m->torrent);

    if (!t || t->removed)
        return;
    candidates_add(t, m->addrs, m->n_addrs);
    lobby_dial(l, t);
}

static void on_adopt(struct lobby *l, struct lobby_adopt *m)
{
    struct peer *p = m->peer;

    /* The thread touches the peer no more: this message was its last word. */
    channel_set_waker(&p->inbox.channel, &p->mail_waker);
    waker_deinit(&p->thread_waker);
    p->state = PEER_IN_LOBBY;
    peer_work_end(p);
    session_shrink(&p->session);
    p->want_write = false;
    watch(l, p, EPOLL_CTL_ADD);
    peer_receive_all(p);
    if (find_torrent(l, p->torrent)->removed)
        p->must_close = true;
    if (speak(l, p) && has_work(p))
        to_thread(l, p);
}

static void on_mail(struct lobby *l, struct lobby_mail *m)
{
    struct peer *p = m->peer;

    waker_arm(&p->mail_waker);
    if (p->state == PEER_IN_THREAD)
        return;
    peer_receive_all(p);
    if (p->state == PEER_CLOSING)
        bury_if_done(l, p);
    else
        settle(l, p);
}

static void on_have(struct lobby *l, struct lobby_have *m)
{
    struct lobby_torrent *t = find_torrent(l, m->torrent);

    if (t && bitfield_set(&t->have, m->piece))
        t->n_lacking -= wants_piece(t, m->piece);
}

/* All HAVEs of InterestStat came before this. A connection whose handshake was before the last of them
 * and that has not joined joins now, so that InterestStat tells it what it has missed. */
static void on_torrent_completed(struct lobby *l, struct lobby_torrent_completed *m)
{
    struct lobby_torrent *t = find_torrent(l, m->torrent);

    for (struct peer *p = t ? t->peers : NULL; p; p = p->next) {
        struct peer_completed *c;

        if (p->state == PEER_CLOSING)
            continue;
        if (p->state == PEER_IN_LOBBY)
            peer_join_interest(p, NULL, false);
        c = peer_new_completed();
        c->have = have_of(t);
        peer_tell_or_drop_completed(&p->inbox, c);
    }
    msg_reply(&m->msg);
}

static void on_ban(struct lobby *l, struct lobby_ban *m)
{
    struct lobby_torrent *t = find_torrent(l, m->torrent);
    bool incoming = true;
    struct peer *next;
    char text[ADDR_TEXT_MAX];

    if (!t)
        return;
    log_warning(FACILITY, "%s sent wrong data: banned", addr_format(&m->addr, text));
    for (unsigned i = 0; i < t->n_candidates; i++)
        if (addr_equal(&t->candidates[i].addr, &m->addr))
            incoming = false;
    for (struct peer *p = t->peers; p; p = next) {
        next = p->next;
        if (p->state == PEER_CLOSING || !addr_equal(&p->addr, &m->addr))
            continue;
        incoming = p->incoming;
        shut_peer(l, p, "it sent wrong data");
    }
    lobby_ban(l, &m->addr, incoming);
}

static void on_set_max_peers(struct lobby *l, struct lobby_set_max_peers *m)
{
    l->options.max_peers = m->max_peers;
}

static void on_shutdown(struct lobby *l, struct lobby_shutdown *m)
{
    l->shutdown = m;
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, l->options.listen_fd, NULL);
    while (l->greetings)
        greeting_close(l, l->greetings, OUTCOME_NEUTRAL);
}

MSG_DISPATCH(lobby, LOBBY_TABLE, struct lobby);

/* --- the thread --------------------------------------------------------------------------- */

static void end_round(struct lobby *l)
{
    struct greeting *g;
    struct peer *p;

    while ((g = l->over)) {
        l->over = g->next;
        free(g);
    }
    while ((p = l->gone)) {
        l->gone = p->next;
        peer_free(p);
    }
    finish_removal(l);
}

static bool is_over(struct lobby *l)
{
    return l->shutdown && !l->torrents && !l->tick_out;
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
        peer_event(l, what, e->events);
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
        abort();
    channel_init(&l->inbox.channel, &l->waker);
    rng_seed_from_kernel(&l->rng);
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
                               .bandwidth = options->bandwidth,
                               .limit_up = options->limit_up,
                               .limit_down = options->limit_down};
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
    free(l->peers);
    free(l->banned);
    free(l);
}
