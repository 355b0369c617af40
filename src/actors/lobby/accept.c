/* SPDX-License-Identifier: MIT */
#include "actors/lobby/accept.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/lobby/handshake.h"
#include "actors/lobby/internal.h"
#include "actors/lobby/room.h"
#include "conjure/base/log.h"

#define FACILITY "lobby"

#define ACCEPTS_MAX 64 /* in one round */
#define EVICTED_MAX 16 /* between two ticks: a much lower limit must not close all peers */

/* Bound of incoming connections without a handshake: max_peers / HANDSHAKES_PART, but at least
 * HANDSHAKES_MIN. */
#define HANDSHAKES_PART 4
#define HANDSHAKES_MIN  64

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

/* EVENTS: EPOLLIN, or 0 to pause. */
static void watch_listening(struct lobby *l, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = TAG_LISTEN};

    if (!epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, l->options.listen_fd, &e))
        l->listener.is_paused = !events;
}

void listener_tick(struct lobby *l)
{
    owner_assert(&l->owner);
    l->listener.n_evicted = 0;
    if (l->listener.is_paused && !l->shutdown)
        watch_listening(l, EPOLLIN);
}

/* Most likely no descriptor is left. The socket stays readable, so watching it would spin. */
static void accept_failed(struct lobby *l, int error)
{
    if (troubles_must_log(&l->troubles, TROUBLE_ACCEPT, l->now))
        log_warning(FACILITY, "cannot accept connections for now: %s", strerror(error));
    watch_listening(l, 0);
}

/* Whether ERROR concerns only the one connection that was to be accepted: see accept(2). */
static bool is_of_connection(int error)
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

/* Frees a descriptor by evicting a peer, if one may be evicted. */
static bool free_descriptor(struct lobby *l)
{
    if (l->listener.n_evicted == EVICTED_MAX || !lobby_make_room(l, NULL))
        return false;
    l->listener.n_evicted++;
    return true;
}

static void bound_handshakes(struct lobby *l)
{
    unsigned max = l->options.max_peers / HANDSHAKES_PART;

    if (l->handshakes.n_incoming >= (max > HANDSHAKES_MIN ? max : HANDSHAKES_MIN))
        handshakes_close_one_incoming(l);
}

static bool may_connect(struct lobby *l, const struct addr *addr)
{
    if (l->shutdown || bans_until(&l->bans, addr, l->now))
        return false;
    bound_handshakes(l);
    if (lobby_n_connections(l) < l->options.max_peers || lobby_make_room(l, addr))
        return true;
    if (troubles_must_log(&l->troubles, TROUBLE_FULL, l->now))
        log_notice(FACILITY, "%u connections are open: refusing more", lobby_n_connections(l));
    return false;
}

static void accepted(struct lobby *l, int fd, const struct sockaddr_storage *from)
{
    struct addr addr = addr_from_sockaddr((const struct sockaddr *)from);
    struct stream stream;

    stream_init_tcp(&stream, fd);
    if (may_connect(l, &addr))
        (void)handshakes_add(l, &stream, &addr, PEER_SOURCE_INCOMING, NULL);
    else
        stream_close(&stream);
}

void listener_event(struct lobby *l)
{
    owner_assert(&l->owner);
    for (unsigned n = 0; n < ACCEPTS_MAX; n++) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        int fd = accept4(l->options.listen_fd, (struct sockaddr *)&from, &size,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        int error = errno;

        if (fd >= 0) {
            accepted(l, fd, &from);
            continue;
        }
        if (is_of_connection(error) || (!n && is_short_of_files(error) && free_descriptor(l)))
            continue;
        /* Without a free descriptor accept fails even if no connection waits. Only the first call
         * of a round is sure that one does, from epoll. */
        if (error != EAGAIN && !(n && is_short_of_files(error)))
            accept_failed(l, error);
        return;
    }
}
