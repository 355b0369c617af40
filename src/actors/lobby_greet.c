/* SPDX-License-Identifier: MIT */
/*
 * Connections before they are peers: accepting, dialling, and the handshake from both ends (BEP 3).
 * Who dials speaks first; who is dialled answers once it has read the info-hash. Not a byte beyond
 * the far end's 68 is read here: what follows belongs to the session.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/lobby.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

#define FACILITY "lobby"

#define CONNECT_NS  (10 * NS_PER_S) /* the second SYN that was lost is repeated after 3 s */
#define GREETING_NS (20 * NS_PER_S) /* to shake hands */

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

/* Takes over FD; NULL when the system refuses to watch it. */
static struct greeting *greeting_new(struct lobby *l, int fd, const struct addr *a, uint32_t events)
{
    struct greeting *g = NEW(struct greeting);
    struct epoll_event e = {.events = events, .data.u64 = (uintptr_t)g | TAG_GREETING};

    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e)) {
        close(fd);
        free(g);
        return NULL;
    }
    g->fd = fd;
    g->addr = *a;
    g->deadline_ns = l->now + (events & EPOLLOUT ? CONNECT_NS : GREETING_NS);
    g->next = l->greetings;
    if (g->next)
        g->next->prevp = &g->next;
    g->prevp = &l->greetings;
    l->greetings = g;
    l->n_greetings++;
    return g;
}

/* Takes G off the list; the memory goes at the end of the round, for events may still name it. */
static void greeting_unlink(struct lobby *l, struct greeting *g)
{
    if (g->next)
        g->next->prevp = g->prevp;
    *g->prevp = g->next;
    l->n_greetings--;
    if (!g->incoming) {
        l->n_dialling--;
        g->torrent->n_dialling--;
    }
    if (g->torrent)
        g->torrent->n_greetings--;
    g->fd = -1;
    g->next = l->over;
    l->over = g;
}

void greeting_close(struct lobby *l, struct greeting *g, enum outcome outcome)
{
    struct lobby_torrent *t = g->torrent;

    close(g->fd);
    if (t && !g->incoming)
        candidates_release(t, &g->addr, outcome, l->now);
    greeting_unlink(l, g);
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
    if (lobby_may_warn(l))
        log_warning(FACILITY, "cannot accept connections: %s", strerror(error));
    watch_listening(l, false);
    lobby_ask_for_tick(l);
}

static bool is_full(const struct lobby *l)
{
    return l->n_peers + l->n_greetings >= l->options.max_peers;
}

static bool is_welcome(struct lobby *l, const struct addr *a)
{
    if (l->shutdown || !l->torrents || lobby_is_banned(l, a, true))
        return false;
    if (!is_full(l) || lobby_make_room(l))
        return true;
    if (lobby_may_warn(l))
        log_notice(FACILITY, "%u connections are open: refusing more", l->n_peers + l->n_greetings);
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

void lobby_accept(struct lobby *l)
{
    for (;;) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        int fd = accept4(l->options.listen_fd, (struct sockaddr *)&from, &size,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct greeting *g;
        struct addr a;

        if (fd < 0) {
            if (is_passing(errno))
                continue;
            if (errno != EAGAIN)
                accept_failed(l, errno);
            return;
        }
        a = addr_from_sockaddr((const struct sockaddr *)&from);
        if (!is_welcome(l, &a)) {
            close(fd);
            continue;
        }
        g = greeting_new(l, fd, &a, EPOLLIN);
        if (g)
            g->incoming = true;
    }
}

static void dial(struct lobby *l, struct lobby_torrent *t, const struct addr *a)
{
    struct sockaddr_storage to;
    socklen_t size = addr_to_sockaddr(a, &to);
    int fd = socket(a->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct greeting *g = NULL;

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, size) && errno != EINPROGRESS)
        close(fd);
    else if (fd >= 0)
        g = greeting_new(l, fd, a, EPOLLOUT);
    if (!g) {
        candidates_release(t, a, OUTCOME_FAILED, l->now);
        return;
    }
    g->connecting = true;
    g->torrent = t;
    t->n_greetings++;
    t->n_dialling++;
    l->n_dialling++;
}

void lobby_dial(struct lobby *l, struct lobby_torrent *t)
{
    /* An eighth is left for those who dial us: they may be the ones that we cannot reach. */
    unsigned max = l->options.max_peers - l->options.max_peers / 8;
    struct candidate *c;

    while (!t->removed && !l->shutdown && l->n_dialling < LOBBY_DIALLING_MAX &&
           t->n_dialling < LOBBY_DIALLING_EACH && l->n_peers + l->n_greetings < max &&
           (c = candidates_next(t, l->now))) {
        if (lobby_is_banned(l, &c->addr, false)) {
            c->next_ns = UINT64_MAX;
            c->busy = false;
        } else {
            dial(l, t, &c->addr);
        }
    }
}

static bool greet(struct greeting *g)
{
    const struct torrent *t = g->torrent->torrent;
    struct handshake h = {.fast = true, .extended = true};
    uint8_t bytes[HANDSHAKE_SIZE];

    memcpy(h.info_hash, metainfo_info_hash(t->meta), sizeof h.info_hash);
    memcpy(h.peer_id, t->peer_id, sizeof h.peer_id);
    handshake_encode(&h, bytes);
    g->greeted = true;
    /* A fresh socket takes 68 bytes or is broken. */
    return send(g->fd, bytes, sizeof bytes, MSG_NOSIGNAL) == sizeof bytes;
}

static void connected(struct lobby *l, struct greeting *g)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uintptr_t)g | TAG_GREETING};
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
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, g->fd, &e))
        greeting_close(l, g, OUTCOME_FAILED);
}

/* The far end of an incoming connection has named a torrent. */
static bool name_torrent(struct lobby *l, struct greeting *g, const struct handshake *h)
{
    int one = 1;

    g->torrent = lobby_find(l, h->info_hash);
    if (!g->torrent || g->torrent->removed) {
        g->torrent = NULL;
        return false;
    }
    g->torrent->n_greetings++;
    setsockopt(g->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return greet(g);
}

void greeting_event(struct lobby *l, struct greeting *g, uint32_t events)
{
    struct handshake h;
    ssize_t n;

    if (g->fd < 0)
        return;
    if (g->connecting) {
        connected(l, g);
        return;
    }
    n = recv(g->fd, g->bytes + g->n_bytes, HANDSHAKE_SIZE - g->n_bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        g->n_bytes = (uint8_t)(g->n_bytes + n);
    if (n <= 0 || handshake_decode(g->bytes, g->n_bytes, &h) < 0 ||
        (g->n_bytes >= HANDSHAKE_HASH_SIZE &&
         (g->greeted ? memcmp(h.info_hash, metainfo_info_hash(g->torrent->torrent->meta), 20) != 0
                     : !name_torrent(l, g, &h)))) {
        char text[ADDR_TEXT_MAX];

        log_debug(FACILITY, "%s: %s", addr_format(&g->addr, text),
                  n <= 0 ? "left during the handshake" : "no handshake for a torrent of ours");
        greeting_close(l, g, OUTCOME_FAILED);
        return;
    }
    if (g->n_bytes < HANDSHAKE_SIZE)
        return;
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, g->fd, NULL);
    lobby_promote(l, g, &h);
    greeting_unlink(l, g);
}
