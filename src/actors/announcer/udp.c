/* SPDX-License-Identifier: MIT */
/*
 * Calls over UDP. A host name is looked up by libcurl, whose resolver has its own threads: a transfer
 * to the host is begun, and the moment libcurl asks for a socket to connect with we note the address
 * and refuse the socket. So nothing blocks, and there is one place that knows about DNS.
 */
#include "actors/announcer/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

/* Transmissions before we turn to the next tracker, if there is one: 15 + 30 s. */
#define TRANSMISSIONS_WITH_OTHERS 2

#define KNOWN_NS (60 * NS_PER_S) /* the addresses of a name */

/* --- endpoints ---------------------------------------------------------------------------- */

static struct udp_endpoint *endpoint_open(struct announcer *a, const struct addr *addr)
{
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(addr, &sa);
    struct udp_endpoint *e;
    int fd;

    for (e = a->endpoints; e; e = e->next)
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
    e->next = a->endpoints;
    a->endpoints = e;
    return e;
}

void announcer_udp_sweep(struct announcer *a, uint64_t now)
{
    struct udp_endpoint **at = &a->endpoints;

    while (*at) {
        struct udp_endpoint *e = *at;

        if (!list_is_empty(&e->calls) || e->connection.good_until > now) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        close(e->fd);
        free(e);
    }
}

/* --- the exchange ------------------------------------------------------------------------- */

static void udp_step(struct announcer_call *c, uint64_t now);

static void leave_endpoint(struct announcer_call *c)
{
    list_remove(&c->udp.in_endpoint);
    c->udp.endpoint = NULL;
}

/* Goes to the next address of the host; without one the call fails, ERROR says why. */
static void try_next_addr(struct announcer_call *c, int error, uint64_t now)
{
    struct udp_call *u = &c->udp;
    bool has_others = c->entry->state.tiers.n > 1;

    leave_endpoint(c);
    while (u->next_addr < u->n_addrs) {
        u->endpoint = endpoint_open(c->announcer, &u->addrs[u->next_addr++]);
        if (!u->endpoint) {
            error = errno;
            continue;
        }
        list_append(&u->endpoint->calls, &u->in_endpoint);
        tracker_udp_start(&u->exchange, &c->request, c->url.path, &u->endpoint->connection,
                          &c->announcer->rng,
                          has_others ? TRANSMISSIONS_WITH_OTHERS : TRACKER_UDP_TRANSMISSIONS, now);
        udp_step(c, now);
        return;
    }
    call_unreachable(c, strerrordesc_np(error));
}

/* A refusal of a datagram long ago may still hang at the socket: telling it clears it. */
static ssize_t send_again_if_refused(int fd, const uint8_t *packet, size_t size)
{
    ssize_t n = send(fd, packet, size, MSG_NOSIGNAL);

    return n < 0 && errno == ECONNREFUSED ? send(fd, packet, size, MSG_NOSIGNAL) : n;
}

static void udp_step(struct announcer_call *c, uint64_t now)
{
    struct udp_call *u = &c->udp;
    uint8_t packet[TRACKER_UDP_PACKET_MAX];
    size_t size = 0;

    if (!u->endpoint)
        return;
    switch (tracker_udp_step(&u->exchange, now, packet, &size)) {
    case TRACKER_UDP_SEND:
        if (u->exchange.n_sent > 1)
            call_is_slow(c, "no answer yet");
        if (send_again_if_refused(u->endpoint->fd, packet, size) < 0 && errno != EAGAIN)
            break;
        call_step_at(c, u->exchange.deadline);
        return;
    case TRACKER_UDP_WAIT:
        call_step_at(c, u->exchange.deadline);
        return;
    default: /* gave up */
        errno = ETIMEDOUT;
        break;
    }
    try_next_addr(c, errno, now);
}

/* Does F for each call at E, which may be its end. */
static void for_each_call(struct udp_endpoint *e, uint64_t now,
                          void (*f)(struct announcer_call *c, int error, uint64_t now), int error)
{
    struct list *next;

    for (struct list *at = e->calls.next; at != &e->calls; at = next) {
        next = at->next;
        f(container_of(at, struct announcer_call, udp.in_endpoint), error, now);
    }
}

static void go_on(struct announcer_call *c, int error, uint64_t now)
{
    udp_step(c, now);
}

/* Tells the call at E that the datagram is for, if any. */
static void give_datagram(struct udp_endpoint *e, const uint8_t *bytes, size_t n, uint64_t now)
{
    bool connected = now < e->connection.good_until;
    struct announce_reply reply;

    for (struct list *at = e->calls.next; at != &e->calls; at = at->next) {
        struct announcer_call *c = container_of(at, struct announcer_call, udp.in_endpoint);

        if (tracker_udp_receive(&c->udp.exchange, bytes, n, e->addr.family == AF_INET6, now,
                                &reply) == TRACKER_UDP_DONE) {
            call_replied(c, &reply);
            return;
        }
    }
    /* One of them was told the connection id, and the others may use it. */
    if (!connected && now < e->connection.good_until)
        for_each_call(e, now, go_on, 0);
}

void announcer_udp_readable(struct announcer *a, struct udp_endpoint *e, uint64_t now)
{
    uint8_t bytes[TRACKER_UDP_REPLY_MAX];

    for (;;) {
        ssize_t n = recv(e->fd, bytes, sizeof bytes, 0);

        if (n >= 0) {
            give_datagram(e, bytes, (size_t)n, now);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            /* The kernel says that nobody listens there. */
            for_each_call(e, now, try_next_addr, errno);
            return;
        }
    }
}

/* --- the name ----------------------------------------------------------------------------- */

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct udp_call *u = arg;
    struct addr a = addr_from_sockaddr(&address->addr);

    if (u->n_addrs < SERVICE_ADDRS && addr_is_dialable(&a))
        u->addrs[u->n_addrs++] = a;
    return CURL_SOCKET_BAD;
}

static void udp_begin(struct announcer_call *c, uint64_t now)
{
    struct udp_call *u = &c->udp;
    char url[TRACKER_HOST_MAX + 32];

    if (!addr_parse_ip(c->url.host, c->url.port, &u->addrs[0])) {
        u->n_addrs = 1;
        try_next_addr(c, EADDRNOTAVAIL, now);
        return;
    }
    if (now < c->service->known_until) {
        memcpy(u->addrs, c->service->addrs, sizeof u->addrs);
        u->n_addrs = c->service->n_addrs;
        try_next_addr(c, EADDRNOTAVAIL, now);
        return;
    }
    u->resolver = call_new_easy(c, u->error);
    if (!u->resolver) {
        call_failed(c, "out of memory");
        return;
    }
    snprintf(url, sizeof url, "http://%s:%u/", c->url.host, c->url.port);
    curl_easy_setopt(u->resolver, CURLOPT_URL, url);
    curl_easy_setopt(u->resolver, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(u->resolver, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(u->resolver, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(u->resolver, CURLOPT_OPENSOCKETDATA, u);
    if (curl_multi_add_handle(c->announcer->multi, u->resolver))
        call_failed(c, "out of memory");
}

static void udp_done(struct announcer_call *c, CURLcode code, uint64_t now)
{
    struct udp_call *u = &c->udp;

    call_free_easy(c, &u->resolver);
    if (!u->n_addrs) {
        call_unreachable(c, u->error[0] ? u->error : curl_easy_strerror(code));
        return;
    }
    memcpy(c->service->addrs, u->addrs, sizeof u->addrs);
    c->service->n_addrs = u->n_addrs;
    c->service->known_until = now + KNOWN_NS;
    try_next_addr(c, EADDRNOTAVAIL, now);
}

static void udp_deinit(struct announcer_call *c)
{
    call_free_easy(c, &c->udp.resolver);
    leave_endpoint(c);
}

const struct announcer_transport announcer_udp = {
    .begin = udp_begin,
    .step = udp_step,
    .done = udp_done,
    .deinit = udp_deinit,
};
