/* SPDX-License-Identifier: MIT */
#include "actors/lobby/handshake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "actors/lobby/internal.h"
#include "actors/lobby/newcomer.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"

#define FACILITY "lobby"

#define CONNECT_NS   (10 * NS_PER_S) /* the SYN is repeated after 1, 3 and 7 s */
#define HANDSHAKE_NS (20 * NS_PER_S)

/* Bytes that one read accepts beyond a handshake; enough for the first messages of most peers. */
#define SURPLUS_MAX 4096

void handshakes_init(struct handshakes *hs)
{
    *hs = (struct handshakes){0};
    list_init(&hs->all);
    list_init(&hs->closed);
    crowd_init(&hs->incoming);
}

void handshakes_deinit(struct handshakes *hs)
{
    crowd_deinit(&hs->incoming);
}

/* --- the list ----------------------------------------------------------------------------- */

static bool is_incoming(const struct handshaking *h)
{
    return h->source == PEER_SOURCE_INCOMING;
}

/* 0 or -errno. */
static int watch(struct lobby *l, struct handshaking *h, int op, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = (uintptr_t)h | TAG_HANDSHAKING};

    return epoll_ctl(l->epoll_fd, op, stream_fd(&h->stream), &e) ? -errno : 0;
}

static void join_torrent(struct handshaking *h, struct lobby_torrent *t)
{
    h->torrent = t;
    list_append(&t->handshakes, &h->in_torrent);
    t->n_handshakes++;
    t->n_dialling += !is_incoming(h);
}

int handshakes_add(struct lobby *l, struct stream *stream, const struct addr *addr,
                   enum peer_source source, struct lobby_torrent *t)
{
    struct handshaking *h = NEW(struct handshaking);
    int r;

    owner_assert(&l->owner);
    stream_move(&h->stream, stream);
    h->addr = *addr;
    h->source = source;
    r = watch(l, h, EPOLL_CTL_ADD, is_incoming(h) ? EPOLLIN : EPOLLOUT);
    if (r) {
        if (troubles_must_log(&l->troubles, TROUBLE_WATCH, l->now))
            log_warning(FACILITY, "cannot watch a connection, closing it: %s", strerror(-r));
        stream_close(&h->stream);
        free(h);
        return r;
    }
    h->state = is_incoming(h) ? HANDSHAKING_AWAITED : HANDSHAKING_CONNECTING;
    h->deadline_ns = l->now + (is_incoming(h) ? HANDSHAKE_NS : CONNECT_NS);
    list_append(&l->handshakes.all, &h->in_lobby);
    hosts_add(&l->hosts, addr);
    l->handshakes.n++;
    l->handshakes.n_incoming += is_incoming(h);
    if (is_incoming(h))
        crowd_add(&l->handshakes.incoming, &h->in_crowd, addr);
    if (t)
        join_torrent(h, t);
    return 0;
}

static void set_state(struct lobby *l, struct handshaking *h, enum handshaking_state state)
{
    l->handshakes.n_held += state == HANDSHAKING_HELD;
    l->handshakes.n_held -= h->state == HANDSHAKING_HELD;
    h->state = state;
}

/* Takes H off the lists. */
static void unlink_handshaking(struct lobby *l, struct handshaking *h)
{
    struct lobby_torrent *t = h->torrent;

    set_state(l, h, HANDSHAKING_CLOSED);
    list_remove(&h->in_lobby);
    list_append(&l->handshakes.closed, &h->in_lobby);
    l->handshakes.n--;
    l->handshakes.n_incoming -= is_incoming(h);
    crowd_remove(&l->handshakes.incoming, &h->in_crowd);
    if (!is_incoming(h))
        dial_queue_ended(&l->dialling.queue, &h->addr);
    if (!t)
        return;
    list_remove(&h->in_torrent);
    t->n_handshakes--;
    t->n_dialling -= !is_incoming(h);
    lobby_torrents_left(&l->torrents, t);
}

static void handshaking_close(struct lobby *l, struct handshaking *h,
                              enum candidate_outcome outcome)
{
    struct lobby_torrent *t = h->torrent;

    owner_assert(&l->owner);
    stream_close(&h->stream);
    hosts_remove(&l->hosts, &h->addr);
    if (t && !is_incoming(h))
        lobby_torrents_due(&l->torrents, t,
                           candidates_release(&t->candidates, &h->addr, outcome, l->now));
    unlink_handshaking(l, h);
}

void handshakes_close_one_incoming(struct lobby *l)
{
    struct crowd_member *m = crowd_first_to_go(&l->handshakes.incoming);

    owner_assert(&l->owner);
    if (m)
        handshaking_close(l, container_of(m, struct handshaking, in_crowd), CANDIDATE_NEUTRAL);
}

void handshakes_close_all(struct lobby *l)
{
    struct list *first;

    owner_assert(&l->owner);
    while ((first = list_first(&l->handshakes.all)))
        handshaking_close(l, container_of(first, struct handshaking, in_lobby), CANDIDATE_NEUTRAL);
}

void handshakes_close_of(struct lobby *l, struct lobby_torrent *t)
{
    struct list *first;

    owner_assert(&l->owner);
    while ((first = list_first(&t->handshakes)))
        handshaking_close(l, container_of(first, struct handshaking, in_torrent),
                          CANDIDATE_NEUTRAL);
}

void handshakes_tick(struct lobby *l)
{
    struct list *next;

    owner_assert(&l->owner);
    for (struct list *at = l->handshakes.all.next; at != &l->handshakes.all; at = next) {
        struct handshaking *h = container_of(at, struct handshaking, in_lobby);

        next = at->next;
        if (h->deadline_ns <= l->now)
            handshaking_close(l, h, CANDIDATE_FAILED);
    }
}

void handshakes_free_closed(struct lobby *l)
{
    struct list *first;

    owner_assert(&l->owner);
    while ((first = list_first(&l->handshakes.closed))) {
        list_remove(first);
        free(container_of(first, struct handshaking, in_lobby));
    }
}

/* --- the handshake ------------------------------------------------------------------------ */

static void refuse(struct lobby *l, struct handshaking *h, const char *reason)
{
    if (log_threshold >= LOG_LEVEL_DEBUG) {
        char text[ADDR_TEXT_MAX];

        log_debug(FACILITY, "%s: %s", addr_format(&h->addr, text), reason);
    }
    handshaking_close(l, h, CANDIDATE_FAILED);
}

/* False when it could not be sent. */
static bool send_ours(struct lobby *l, struct handshaking *h)
{
    const struct swarm *swarm = h->torrent->swarm;
    struct handshake ours = {.info_hash = swarm->info_hash, .fast = true, .extended = true};
    uint8_t bytes[HANDSHAKE_SIZE];
    size_t n = 0;

    memcpy(ours.peer_id, swarm->peer_id, sizeof ours.peer_id);
    handshake_encode(&ours, bytes);
    set_state(l, h, HANDSHAKING_SENT);
    stream_tune(&h->stream, STREAM_NO_DELAY, 1);
    /* A new socket accepts 68 bytes at once, or is broken. */
    return !stream_send(&h->stream, bytes, sizeof bytes, &n) && n == sizeof bytes;
}

static void connected(struct lobby *l, struct handshaking *h)
{
    int r = stream_connected(&h->stream);

    if (r) {
        refuse(l, h, strerror(-r));
        return;
    }
    if (!send_ours(l, h)) {
        refuse(l, h, "handshake not sent");
        return;
    }
    h->deadline_ns = l->now + HANDSHAKE_NS;
    if (watch(l, h, EPOLL_CTL_MOD, EPOLLIN))
        handshaking_close(l, h, CANDIDATE_FAILED);
}

/* False when H cannot be held: the caller closes it. */
static bool hold(struct lobby *l, struct handshaking *h)
{
    uint64_t deadline_ns = l->now + l->options.times->hold_ns;

    /* Without events epoll still reports that the connection broke. */
    if (l->handshakes.n_held == HANDSHAKES_HELD_MAX || watch(l, h, EPOLL_CTL_MOD, 0))
        return false;
    set_state(l, h, HANDSHAKING_HELD);
    if (h->deadline_ns > deadline_ns)
        h->deadline_ns = deadline_ns;
    return true;
}

static void become_newcomer(struct lobby *l, struct handshaking *h, const struct handshake *theirs)
{
    struct newcomer n = {
        .addr = h->addr, .source = h->source, .torrent = h->torrent, .handshake = *theirs};

    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, stream_fd(&h->stream), NULL);
    stream_move(&n.stream, &h->stream);
    newcomer_admit(l, &n);
    unlink_handshaking(l, h);
}

/* False when H names another torrent than it should: the caller closes it. A torrent that is
 * unknown may be added later: then H is held. */
static bool check_info_hash(struct lobby *l, struct handshaking *h, const struct handshake *theirs)
{
    struct lobby_torrent *t;

    if (h->n_bytes < HANDSHAKE_HASH_SIZE)
        return true;
    if (h->torrent)
        return info_hash_equal(&theirs->info_hash, &h->torrent->info_hash);
    t = lobby_torrents_find_hash(&l->torrents, &theirs->info_hash);
    if (!t)
        return hold(l, h);
    if (t->removal)
        return false;
    join_torrent(h, t);
    return send_ours(l, h);
}

/* Acts on the bytes that have been read so far. */
static void process_bytes(struct lobby *l, struct handshaking *h)
{
    struct handshake theirs;

    if (handshake_decode(h->bytes, h->n_bytes, &theirs) < 0 || !check_info_hash(l, h, &theirs))
        refuse(l, h, "not a handshake for one of our torrents");
    else if (h->state != HANDSHAKING_HELD && h->n_bytes == HANDSHAKE_SIZE)
        become_newcomer(l, h, &theirs);
}

void handshakes_resume_held(struct lobby *l, struct lobby_torrent *t)
{
    struct list *next;

    owner_assert(&l->owner);
    for (struct list *at = l->handshakes.all.next; l->handshakes.n_held && at != &l->handshakes.all;
         at = next) {
        struct handshaking *h = container_of(at, struct handshaking, in_lobby);
        struct handshake theirs;

        next = at->next;
        if (h->state != HANDSHAKING_HELD || handshake_decode(h->bytes, h->n_bytes, &theirs) < 0 ||
            !info_hash_equal(&theirs.info_hash, &t->info_hash))
            continue;
        set_state(l, h, HANDSHAKING_AWAITED);
        h->deadline_ns = l->now + HANDSHAKE_NS;
        if (watch(l, h, EPOLL_CTL_MOD, EPOLLIN))
            handshaking_close(l, h, CANDIDATE_FAILED);
        else
            process_bytes(l, h);
    }
}

static void read_theirs(struct lobby *l, struct handshaking *h)
{
    uint8_t surplus[SURPLUS_MAX];
    size_t n_left = HANDSHAKE_SIZE - (size_t)h->n_bytes, n = 0;
    struct iovec iov[2] = {{h->bytes + h->n_bytes, n_left}, {surplus, sizeof surplus}};
    int r = stream_readv(&h->stream, iov, 2, &n);

    if (r == STREAM_AGAIN)
        return;
    if (!r && n > n_left) {
        /* The peer's first messages, for the session. */
        r = stream_push_back(&h->stream, surplus, n - n_left);
        n = n_left;
    }
    if (r) {
        refuse(l, h, r < 0 ? strerror(-r) : "closed during the handshake");
        return;
    }
    h->n_bytes = (uint8_t)(h->n_bytes + n);
    process_bytes(l, h);
}

void handshaking_event(struct lobby *l, struct handshaking *h, uint32_t events)
{
    owner_assert(&l->owner);
    switch (h->state) {
    case HANDSHAKING_CONNECTING:
        connected(l, h);
        break;
    case HANDSHAKING_HELD:
        refuse(l, h, "closed before its torrent was added");
        break;
    case HANDSHAKING_AWAITED:
    case HANDSHAKING_SENT:
        read_theirs(l, h);
        break;
    case HANDSHAKING_CLOSED:
        break;
    }
}
