/* SPDX-License-Identifier: MIT */
/*
 * Announces over UDP (BEP 15); src/tracker/udp.c decides what to send and when.
 *
 * RESOLVER. libcurl looks up host names, because its resolver has threads of its own: a transfer to
 * the host begins, and when libcurl asks for a socket for an address, the address is noted and the
 * socket refused. So nothing blocks, and names are resolved in one way for all transports.
 *
 * ENDPOINTS. All calls to one address share a connected socket, so that the kernel drops datagrams
 * from others and reports refusals, and a connection id.
 */
#include "actors/announcer/udp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/tracker/udp.h"

/* With other trackers to try, the call fails after 15 + 30 s. */
#define TRANSMISSIONS_WITH_OTHERS 2

#define ADDRS_CACHED_NS (60 * NS_PER_S)

struct udp_endpoint {
    struct udp_endpoint *next;
    struct addr addr;
    int fd; /* connected */
    struct list calls;
    struct tracker_udp_connection connection;
};

struct announcer_udp {
    struct announcer_transport transport;
    const struct easy_multi *curl;
    struct rng *rng;
    struct udp_endpoint *endpoints;
    /* Of the last announcer_udp_poll_fds, side by side; owned. */
    struct udp_endpoint **polled;
    struct curl_waitfd *fds;
    size_t n_polled_room, n_fds_room;
    unsigned n_polled;
};

struct udp_call {
    struct announcer_call call;
    CURL *resolver; /* while the host name is looked up */
    char error[CURL_ERROR_SIZE];
    struct addr addrs[SERVICE_ADDRS_MAX]; /* of the host, in order of trial */
    uint32_t n_addrs;
    uint32_t next_addr;
    struct udp_endpoint *endpoint; /* NULL until its address is known */
    struct list in_endpoint;
    struct tracker_udp exchange;
};

static struct announcer_udp *udp_of_transport(struct announcer_transport *transport)
{
    return container_of(transport, struct announcer_udp, transport);
}

static struct announcer_udp *udp_of(const struct announcer_call *c)
{
    return udp_of_transport(c->transport);
}

static struct udp_call *udp_call_of(struct announcer_call *c)
{
    return container_of(c, struct udp_call, call);
}

/* --- endpoints ---------------------------------------------------------------------------- */

/* The endpoint of ADDR; NULL with errno set when it cannot be opened. */
static struct udp_endpoint *endpoint_get(struct announcer_udp *udp, const struct addr *addr)
{
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(addr, &sa);
    struct udp_endpoint *e;
    int fd;

    for (e = udp->endpoints; e; e = e->next)
        if (addr_equal(&e->addr, addr))
            return e;
    fd = socket(addr->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    if (connect(fd, (struct sockaddr *)&sa, n) < 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return NULL;
    }
    e = NEW(struct udp_endpoint);
    e->addr = *addr;
    e->fd = fd;
    list_init(&e->calls);
    e->next = udp->endpoints;
    udp->endpoints = e;
    return e;
}

void announcer_udp_sweep(struct announcer_transport *transport, uint64_t now)
{
    struct udp_endpoint **at = &udp_of_transport(transport)->endpoints;

    while (*at) {
        struct udp_endpoint *e = *at;

        if (!list_is_empty(&e->calls) || e->connection.valid_until > now) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        close(e->fd);
        free(e);
    }
}

/* --- the exchange ------------------------------------------------------------------------- */

static void try_next_addr(struct udp_call *u, int error, uint64_t now);

static void leave_endpoint(struct udp_call *u)
{
    list_remove(&u->in_endpoint);
    u->endpoint = NULL;
}

/* The socket may still report that an earlier datagram was refused; reporting it clears it. */
static ssize_t send_again_if_refused(int fd, const uint8_t *packet, size_t size)
{
    ssize_t n = send(fd, packet, size, MSG_NOSIGNAL);

    return n < 0 && errno == ECONNREFUSED ? send(fd, packet, size, MSG_NOSIGNAL) : n;
}

static void step_exchange(struct udp_call *u, uint64_t now)
{
    uint8_t packet[TRACKER_UDP_PACKET_MAX];
    size_t size = 0;

    if (!u->endpoint)
        return;
    switch (tracker_udp_step(&u->exchange, now, packet, &size)) {
    case TRACKER_UDP_SEND:
        if (u->exchange.n_sent > 1)
            call_is_slow(&u->call, "no answer yet", now);
        if (send_again_if_refused(u->endpoint->fd, packet, size) < 0 && errno != EAGAIN)
            break;
        call_step_at(&u->call, u->exchange.deadline);
        return;
    case TRACKER_UDP_WAIT:
        call_step_at(&u->call, u->exchange.deadline);
        return;
    default: /* TRACKER_UDP_GAVE_UP */
        errno = ETIMEDOUT;
        break;
    }
    try_next_addr(u, errno, now);
}

/* After ERROR at the address before; when there is no other, the call fails with it. */
static void try_next_addr(struct udp_call *u, int error, uint64_t now)
{
    struct announcer_udp *udp = udp_of(&u->call);
    bool has_others = u->call.torrent->state.tiers.n > 1 || u->call.is_repetition;

    leave_endpoint(u);
    while (u->next_addr < u->n_addrs) {
        const struct addr *addr = &u->addrs[u->next_addr++];

        if (u->call.only_family && u->call.only_family != addr->family)
            continue;
        u->endpoint = endpoint_get(udp, addr);
        if (!u->endpoint) {
            error = errno;
            continue;
        }
        list_append(&u->endpoint->calls, &u->in_endpoint);
        tracker_udp_start(&u->exchange, &u->call.request, u->call.url.path,
                          &u->endpoint->connection, udp->rng,
                          has_others ? TRANSMISSIONS_WITH_OTHERS : TRACKER_UDP_TRANSMISSIONS, now);
        step_exchange(u, now);
        return;
    }
    call_unreachable(&u->call, strerrordesc_np(error), now);
}

static void udp_step(struct announcer_call *c, uint64_t now)
{
    step_exchange(udp_call_of(c), now);
}

/* Steps all calls at E; each may leave E or end. */
static void step_all(struct udp_endpoint *e, uint64_t now)
{
    struct list *next;

    for (struct list *at = e->calls.next; at != &e->calls; at = next) {
        next = at->next;
        step_exchange(container_of(at, struct udp_call, in_endpoint), now);
    }
}

/* The kernel reports ERROR, mostly that no process listens there. */
static void fail_all(struct udp_endpoint *e, int error, uint64_t now)
{
    struct list *next;

    for (struct list *at = e->calls.next; at != &e->calls; at = next) {
        next = at->next;
        try_next_addr(container_of(at, struct udp_call, in_endpoint), error, now);
    }
}

/* Finds the call that the datagram replies to, if any. */
static void on_datagram(struct udp_endpoint *e, const uint8_t *bytes, size_t n, uint64_t now)
{
    bool connected = now < e->connection.valid_until;
    struct announce_reply reply;

    for (struct list *at = e->calls.next; at != &e->calls; at = at->next) {
        struct udp_call *u = container_of(at, struct udp_call, in_endpoint);

        if (tracker_udp_receive(&u->exchange, bytes, n, e->addr.family, now, &reply) ==
            TRACKER_UDP_DONE) {
            if (u->n_addrs > 1)
                u->call.used_family = e->addr.family;
            call_replied(&u->call, &reply, now);
            return;
        }
    }
    /* A new connection id lets all calls at this endpoint continue. */
    if (!connected && now < e->connection.valid_until)
        step_all(e, now);
}

static void read_endpoint(struct udp_endpoint *e, uint64_t now)
{
    uint8_t bytes[TRACKER_UDP_REPLY_MAX];

    for (;;) {
        ssize_t n = recv(e->fd, bytes, sizeof bytes, 0);

        if (n >= 0) {
            on_datagram(e, bytes, (size_t)n, now);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            fail_all(e, errno, now);
            return;
        }
    }
}

unsigned announcer_udp_poll_fds(struct announcer_transport *transport, struct curl_waitfd **fdsp)
{
    struct announcer_udp *udp = udp_of_transport(transport);
    unsigned n = 0;

    for (struct udp_endpoint *e = udp->endpoints; e; e = e->next) {
        if (list_is_empty(&e->calls))
            continue;
        /* Without memory for it this one is read after the next poll. */
        if (array_reserve(&udp->polled, &udp->n_polled_room, n + 1,
                          sizeof(struct udp_endpoint *)) ||
            array_reserve(&udp->fds, &udp->n_fds_room, n + 1, sizeof udp->fds[0]))
            break;
        udp->polled[n] = e;
        udp->fds[n++] = (struct curl_waitfd){.fd = e->fd, .events = CURL_WAIT_POLLIN};
    }
    udp->n_polled = n;
    *fdsp = udp->fds;
    return n;
}

void announcer_udp_read(struct announcer_transport *transport, uint64_t now)
{
    struct announcer_udp *udp = udp_of_transport(transport);

    for (unsigned i = 0; i < udp->n_polled; i++)
        if (udp->fds[i].revents)
            read_endpoint(udp->polled[i], now);
}

/* --- the resolver ------------------------------------------------------------------------- */

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct udp_call *u = arg;
    struct addr a = addr_from_sockaddr(&address->addr);

    if (u->n_addrs < SERVICE_ADDRS_MAX && addr_is_dialable(&a))
        u->addrs[u->n_addrs++] = a;
    return CURL_SOCKET_BAD;
}

static int begin_to_resolve(struct udp_call *u)
{
    const struct announcer_udp *udp = udp_of(&u->call);
    char url[TRACKER_HOST_MAX + 32];

    u->resolver = easy_new(udp->curl);
    if (!u->resolver)
        return -ENOMEM;
    easy_prepare(u->resolver, &u->call, u->error, u->call.timeout_ms);
    snprintf(url, sizeof url, "http://%s:%u/", u->call.url.host, u->call.url.port);
    curl_easy_setopt(u->resolver, CURLOPT_URL, url);
    curl_easy_setopt(u->resolver, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(u->resolver, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(u->resolver, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(u->resolver, CURLOPT_OPENSOCKETDATA, u);
    return easy_begin(udp->curl, u->resolver);
}

static void udp_begin(struct announcer_call *c, uint64_t now)
{
    struct udp_call *u = udp_call_of(c);

    if (!addr_parse_ip(c->url.host, c->url.port, &u->addrs[0])) {
        u->n_addrs = 1;
        try_next_addr(u, EADDRNOTAVAIL, now);
    } else if (now < c->service->addrs_until) {
        memcpy(u->addrs, c->service->addrs, sizeof u->addrs);
        u->n_addrs = c->service->n_addrs;
        try_next_addr(u, EADDRNOTAVAIL, now);
    } else if (begin_to_resolve(u)) {
        call_failed(c, "out of memory", now);
    }
}

static void udp_transfer_done(struct announcer_call *c, int code, uint64_t now)
{
    struct udp_call *u = udp_call_of(c);

    easy_free(udp_of(c)->curl, &u->resolver);
    if (!u->n_addrs) {
        call_unreachable(c, u->error[0] ? u->error : curl_easy_strerror((CURLcode)code), now);
        return;
    }
    memcpy(c->service->addrs, u->addrs, sizeof u->addrs);
    c->service->n_addrs = u->n_addrs;
    c->service->addrs_until = now + ADDRS_CACHED_NS;
    try_next_addr(u, EADDRNOTAVAIL, now);
}

static void udp_deinit(struct announcer_call *c)
{
    struct udp_call *u = udp_call_of(c);

    easy_free(udp_of(c)->curl, &u->resolver);
    leave_endpoint(u);
}

static const struct announcer_transport_ops udp_ops = {
    .call_size = sizeof(struct udp_call),
    .begin = udp_begin,
    .step = udp_step,
    .transfer_done = udp_transfer_done,
    .deinit = udp_deinit,
};

struct announcer_transport *announcer_udp_new(const struct easy_multi *curl, struct rng *rng)
{
    struct announcer_udp *udp = NEW(struct announcer_udp);

    udp->transport.ops = &udp_ops;
    udp->curl = curl;
    udp->rng = rng;
    return &udp->transport;
}

void announcer_udp_free(struct announcer_transport *transport)
{
    struct announcer_udp *udp = udp_of_transport(transport);

    announcer_udp_sweep(transport, UINT64_MAX);
    free(udp->polled);
    free(udp->fds);
    free(udp);
}
