/* SPDX-License-Identifier: MIT */
/*
 * Connections before they are peers: accepting, dialling, and the handshake from both ends (BEP 3).
 * Who dials speaks first; who is dialled answers once it has read the info-hash. Not a byte beyond
 * the far end's 68 is read here: what follows belongs to the session.
 *
 * EARLY. We listen before all torrents are open, since opening thousands takes a while, and the first
 * of them should not wait for the last. Whoever names a torrent that is not there is held for some
 * seconds, without an answer, in case it appears; so many and no more.
 *
 * LIMITS. Out of descriptors: the least useful peer goes for the newcomer, or else the listening socket
 * is left alone until the next tick, and those who come wait in the kernel's queue. Our own dials wait
 * for the next tick, too, and the address is not to blame. All connections taken: lobby_make_room. Silent
 * newcomers have a quarter of all places; beyond that the oldest of them makes room.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/lobby/internal.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

#define FACILITY "lobby"

#define CONNECT_NS    (10 * NS_PER_S) /* the second SYN that was lost is repeated after 3 s */
#define GREETING_NS   (20 * NS_PER_S) /* to shake hands */
#define ACCEPTS_MAX   64              /* in one round */
#define DISPLACED_MAX 16 /* in one tick, lest we send all away for a limit lowered by far */
/* For a torrent to appear. A test builds this file with less. */
#ifndef HOLD_NS
#define HOLD_NS (3 * NS_PER_S)
#endif

int lobby_listen(uint16_t port, int *fdp, uint16_t *portp)
{
    struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    int one = 1, zero = 0, r;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        r = bind(fd, (const struct sockaddr *)&any6, sizeof any6);
    }
    if (fd < 0 || (r && errno == EADDRNOTAVAIL)) {
        /* No IPv6 on this machine. */
        if (fd >= 0)
            close(fd);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return -errno;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        r = bind(fd, (const struct sockaddr *)&any4, sizeof any4);
    }
    if (r || listen(fd, SOMAXCONN) || getsockname(fd, (struct sockaddr *)&bound, &size)) {
        r = -errno;
        close(fd);
        return r;
    }
    *fdp = fd;
    *portp = addr_from_sockaddr((const struct sockaddr *)&bound).port;
    return 0;
}

static void watch(struct lobby *l, struct greeting *g, int op, uint32_t events, int *errorp)
{
    struct epoll_event e = {.events = events, .data.u64 = (uintptr_t)g | TAG_GREETING};

    *errorp = epoll_ctl(l->epoll_fd, op, g->fd, &e) ? errno : 0;
}

/* Takes over FD; NULL when the system refuses to watch it. */
static struct greeting *greeting_new(struct lobby *l, int fd, const struct addr *a, bool incoming)
{
    struct greeting *g = NEW(struct greeting);
    int error;

    g->fd = fd;
    watch(l, g, EPOLL_CTL_ADD, incoming ? EPOLLIN : EPOLLOUT, &error);
    if (error) {
        if (lobby_may_warn(l, TROUBLE_WATCH))
            log_warning(FACILITY, "cannot watch a connection, closing it: %s", strerror(error));
        close(fd);
        free(g);
        return NULL;
    }
    g->addr = *a;
    g->incoming = incoming;
    g->connecting = !incoming;
    g->deadline_ns = l->now + (incoming ? GREETING_NS : CONNECT_NS);
    list_append(&l->greetings, &g->in_lobby);
    lobby_count_host(l, a, 1);
    l->n_greetings++;
    l->n_incoming += incoming;
    l->n_dialling += !incoming;
    return g;
}

static void join_torrent(struct greeting *g, struct lobby_torrent *t)
{
    g->torrent = t;
    list_append(&t->greetings, &g->in_torrent);
    t->n_greetings++;
    t->n_dialling += !g->incoming;
}

/* Takes G off the lists; the memory goes at the end of the round, for events may still name it. */
static void greeting_unlink(struct lobby *l, struct greeting *g)
{
    struct lobby_torrent *t = g->torrent;

    list_remove(&g->in_lobby);
    l->n_greetings--;
    l->n_incoming -= g->incoming;
    l->n_dialling -= !g->incoming;
    l->n_held -= g->held;
    g->fd = -1;
    list_append(&l->over, &g->in_lobby);
    if (!t)
        return;
    list_remove(&g->in_torrent);
    t->n_greetings--;
    t->n_dialling -= !g->incoming;
    lobby_torrent_left(l, t);
}

void greeting_close(struct lobby *l, struct greeting *g, enum outcome outcome)
{
    struct lobby_torrent *t = g->torrent;

    close(g->fd);
    lobby_count_host(l, &g->addr, -1);
    if (t && !g->incoming)
        lobby_torrent_due(l, t, candidates_release(t, &g->addr, outcome, l->now));
    greeting_unlink(l, g);
}

void lobby_tick_greetings(struct lobby *l)
{
    struct list *next;

    for (struct list *at = l->greetings.next; at != &l->greetings; at = next) {
        struct greeting *g = container_of(at, struct greeting, in_lobby);

        next = at->next;
        if (g->deadline_ns <= l->now)
            greeting_close(l, g, OUTCOME_FAILED);
    }
}

static void watch_listening(struct lobby *l, bool watch)
{
    struct epoll_event e = {.events = watch ? EPOLLIN : 0, .data.u64 = TAG_LISTEN};

    if (!epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, l->options.listen_fd, &e))
        l->deaf = !watch;
}

void lobby_listen_again(struct lobby *l)
{
    if (l->deaf && !l->shutdown)
        watch_listening(l, true);
}

/* Out of descriptors, most likely. The socket stays readable, so looking again at once would spin:
 * the next look is at the next tick. */
static void accept_failed(struct lobby *l, int error)
{
    if (lobby_may_warn(l, TROUBLE_ACCEPT))
        log_warning(FACILITY, "cannot accept connections for now: %s", strerror(error));
    watch_listening(l, false);
    lobby_ask_for_tick(l);
}

static bool is_full(const struct lobby *l)
{
    return l->n_open + l->n_greetings >= l->options.max_peers;
}

/* Of too many that shake hands the oldest goes: most likely it never will. */
static void bound_greetings(struct lobby *l)
{
    unsigned max = l->options.max_peers / LOBBY_GREETINGS_PART;

    if (l->n_incoming < (max > LOBBY_GREETINGS_MIN ? max : LOBBY_GREETINGS_MIN))
        return;
    for (struct list *at = l->greetings.next; at != &l->greetings; at = at->next) {
        struct greeting *g = container_of(at, struct greeting, in_lobby);

        if (g->incoming) {
            greeting_close(l, g, OUTCOME_NEUTRAL);
            return;
        }
    }
}

static bool is_welcome(struct lobby *l, const struct addr *a)
{
    if (l->shutdown || lobby_is_banned(l, a, true))
        return false;
    bound_greetings(l);
    if (!is_full(l) || lobby_make_room(l, a))
        return true;
    if (lobby_may_warn(l, TROUBLE_FULL))
        log_notice(FACILITY, "%u connections are open: refusing more", l->n_open + l->n_greetings);
    return false;
}

/* What concerns the connection that was to be accepted and not us: accept(2). */
static bool is_passing(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

static bool is_short_of_files(int error)
{
    return error == EMFILE || error == ENFILE;
}

/* Makes a descriptor free, if somebody may go for it. Keeps errno. */
static bool displace(struct lobby *l)
{
    int error = errno;
    bool done = l->n_displaced < DISPLACED_MAX && lobby_make_room(l, NULL);

    l->n_displaced += done;
    errno = error;
    return done;
}

void lobby_accept(struct lobby *l)
{
    for (unsigned n = 0; n < ACCEPTS_MAX; n++) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        int fd = accept4(l->options.listen_fd, (struct sockaddr *)&from, &size,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct addr a;

        if (fd < 0) {
            if (is_passing(errno) || (!n && is_short_of_files(errno) && displace(l)))
                continue;
            /* Without a descriptor to give the kernel does not even look whether somebody waits: only
             * the first time, when epoll has told us, is it sure that somebody does. */
            if (errno != EAGAIN && !(n && is_short_of_files(errno)))
                accept_failed(l, errno);
            return;
        }
        a = addr_from_sockaddr((const struct sockaddr *)&from);
        if (is_welcome(l, &a))
            greeting_new(l, fd, &a, true);
        else
            close(fd);
    }
}

static void dial(struct lobby *l, struct lobby_torrent *t, const struct addr *a)
{
    struct sockaddr_storage to;
    socklen_t size = addr_to_sockaddr(a, &to);
    int fd = socket(a->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct greeting *g = NULL;

    if (fd < 0 && (is_short_of_files(errno) || errno == ENOBUFS || errno == ENOMEM)) {
        if (lobby_may_warn(l, TROUBLE_DIAL))
            log_warning(FACILITY, "cannot dial peers for now: %s", strerror(errno));
        l->no_dials = true;
        candidates_release(t, a, OUTCOME_NEUTRAL, l->now);
        return;
    }
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, size) && errno != EINPROGRESS)
        close(fd);
    else if (fd >= 0)
        g = greeting_new(l, fd, a, false);
    if (g)
        join_torrent(g, t);
    else
        candidates_release(t, a, OUTCOME_FAILED, l->now);
}

/* Whether there is room for one more dial. */
static bool may_dial(const struct lobby *l, const struct lobby_torrent *t)
{
    /* An eighth is left for those who dial us: they may be the ones that we cannot reach. */
    unsigned max = l->options.max_peers - l->options.max_peers / 8;

    return !l->shutdown && !l->no_dials && l->n_dialling < LOBBY_DIALLING_MAX &&
           l->n_open + l->n_greetings < max && t->n_dialling < LOBBY_DIALLING_EACH;
}

void lobby_dial(struct lobby *l, struct lobby_torrent *t)
{
    /* No room for any: at the next tick, in this order, and before those who had their turn. */
    uint64_t next = l->now + 1 + l->n_put_off++;
    struct candidate *c;

    if (t->removed)
        return;
    while (may_dial(l, t)) {
        c = candidates_next(t, l->now, &next);
        if (!c)
            break;
        if (lobby_is_banned(l, &c->addr, false)) {
            c->next_ns = UINT64_MAX;
            c->busy = false;
        } else {
            struct addr a = c->addr; /* the candidate may move */

            dial(l, t, &a);
        }
        next = l->now + NS_PER_S / 2;
    }
    if (t->n_candidates)
        lobby_torrent_due(l, t, next);
}

static bool greet(struct greeting *g)
{
    const struct torrent *t = g->torrent->torrent;
    struct handshake h = {.fast = true, .extended = true};
    uint8_t bytes[HANDSHAKE_SIZE];

    h.info_hash = t->swarm->info_hash;
    memcpy(h.peer_id, t->swarm->peer_id, sizeof h.peer_id);
    handshake_encode(&h, bytes);
    g->greeted = true;
    /* A fresh socket takes 68 bytes or is broken. */
    return send(g->fd, bytes, sizeof bytes, MSG_NOSIGNAL) == sizeof bytes;
}

static void connected(struct lobby *l, struct greeting *g)
{
    int error = 0, one = 1;
    socklen_t size = sizeof error;

    getsockopt(g->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    setsockopt(g->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    g->connecting = false;
    if (error || !greet(g)) {
        char text[ADDR_TEXT_MAX];

        log_debug(FACILITY, "%s: %s", addr_format(&g->addr, text),
                  error ? strerror(error) : "handshake not sent");
        greeting_close(l, g, OUTCOME_FAILED);
        return;
    }
    g->deadline_ns = l->now + GREETING_NS;
    watch(l, g, EPOLL_CTL_MOD, EPOLLIN, &error);
    if (error)
        greeting_close(l, g, OUTCOME_FAILED);
}

/* The far end of an incoming connection has named a torrent. */
static bool name_torrent(struct greeting *g, struct lobby_torrent *t)
{
    int one = 1;

    if (t->removed)
        return false;
    join_torrent(g, t);
    setsockopt(g->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return greet(g);
}

/* It has named a torrent that we do not know: EARLY. */
static bool hold(struct lobby *l, struct greeting *g)
{
    int error;

    if (l->n_held == LOBBY_HELD_MAX)
        return false;
    watch(l, g, EPOLL_CTL_MOD, 0, &error); /* only its end is of interest */
    if (error)
        return false;
    g->held = true;
    l->n_held++;
    if (g->deadline_ns > l->now + HOLD_NS)
        g->deadline_ns = l->now + HOLD_NS;
    lobby_ask_for_tick(l);
    return true;
}

static void refuse(struct lobby *l, struct greeting *g, const char *why)
{
    if (log_threshold >= LOG_LEVEL_DEBUG) {
        char text[ADDR_TEXT_MAX];

        log_debug(FACILITY, "%s: %s", addr_format(&g->addr, text), why);
    }
    greeting_close(l, g, OUTCOME_FAILED);
}

/* Acts on what has been read so far. */
static void go_on(struct lobby *l, struct greeting *g)
{
    struct handshake h;
    bool good = handshake_decode(g->bytes, g->n_bytes, &h) >= 0;

    if (good && g->n_bytes >= HANDSHAKE_HASH_SIZE && !g->greeted) {
        struct lobby_torrent *t = lobby_find(l, &h.info_hash);

        if (!t && hold(l, g))
            return;
        good = t && name_torrent(g, t);
    } else if (good && g->n_bytes >= HANDSHAKE_HASH_SIZE) {
        good = info_hash_equal(&h.info_hash, &g->torrent->info_hash);
    }
    if (!good) {
        refuse(l, g, "no handshake for a torrent of ours");
    } else if (g->n_bytes == HANDSHAKE_SIZE) {
        epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, g->fd, NULL);
        lobby_promote(l, g, &h);
        greeting_unlink(l, g);
    }
}

void lobby_greet_held(struct lobby *l, struct lobby_torrent *t)
{
    struct list *next;
    int error;

    for (struct list *at = l->greetings.next; l->n_held && at != &l->greetings; at = next) {
        struct greeting *g = container_of(at, struct greeting, in_lobby);

        next = at->next;
        if (!g->held || memcmp(g->bytes + HANDSHAKE_HASH_SIZE - INFO_HASH_SIZE, t->info_hash.bytes,
                               INFO_HASH_SIZE) != 0)
            continue;
        g->held = false;
        l->n_held--;
        g->deadline_ns = l->now + GREETING_NS;
        watch(l, g, EPOLL_CTL_MOD, EPOLLIN, &error);
        if (error)
            greeting_close(l, g, OUTCOME_FAILED);
        else
            go_on(l, g);
    }
}

void greeting_event(struct lobby *l, struct greeting *g, uint32_t events)
{
    ssize_t n;

    if (g->fd < 0)
        return;
    if (g->connecting) {
        connected(l, g);
        return;
    }
    if (g->held) {
        refuse(l, g, "left before its torrent came");
        return;
    }
    n = recv(g->fd, g->bytes + g->n_bytes, HANDSHAKE_SIZE - g->n_bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        refuse(l, g, "left during the handshake");
        return;
    }
    g->n_bytes = (uint8_t)(g->n_bytes + n);
    go_on(l, g);
}
