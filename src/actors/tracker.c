/* SPDX-License-Identifier: MIT */
/*
 * Tracker: the sockets. src/tracker/serve_*.c replies to requests. libmicrohttpd runs without
 * threads of its own: we poll its epoll descriptor beside the UDP socket and the waker, and call it
 * when it has events.
 */
#include "conjure/actors/tracker.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conjure/actors/actor.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"
#include "conjure/tracker/serve_http.h"
#include "conjure/tracker/serve_udp.h"
#include "conjure/tracker/udp.h"

#define FACILITY          "tracker"
#define CONNECTIONS_MAX   1000
#define CONNECTION_MEMORY 16384 /* bytes each; also bounds the request */
#define IDLE_S            15    /* seconds until a silent connection is closed */
#define SWEEP_NS          (10 * NS_PER_S)
#define DATAGRAMS_AT_ONCE 64 /* before HTTP is served again */

struct tracker {
    struct actor actor;
    struct waker waker;
    struct tracker_inbox inbox;
    struct timer_inbox *timer;
    struct timer_after sweep;
    bool sweep_is_out; /* Timer has it */
    bool stopping;
    uint16_t port;
    int http; /* listening; -1 when libmicrohttpd owns it */
    int udp;
    struct MHD_Daemon *daemon;
    struct tracker_service service;
};

/* --- sockets ------------------------------------------------------------------------------ */

static int open_socket(const struct addr *a, int type, int *outp)
{
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(a, &sa);
    static const int on = 1, off = 0;
    int fd = socket(a->family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

    if (fd < 0)
        return -errno;
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, (struct sockaddr *)&sa, n) < 0 || (type == SOCK_STREAM && listen(fd, 128) < 0)) {
        r = -errno;
        close(fd);
        return r;
    }
    *outp = fd;
    return 0;
}

/* Both or none. */
static int open_both(struct tracker *t, struct addr a)
{
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    int r = open_socket(&a, SOCK_STREAM, &t->http);

    if (r)
        return r;
    getsockname(t->http, (struct sockaddr *)&sa, &n);
    a.port = t->port = addr_from_sockaddr((struct sockaddr *)&sa).port;
    r = open_socket(&a, SOCK_DGRAM, &t->udp);
    if (r) {
        close(t->http);
        t->http = -1;
    }
    return r;
}

static int open_sockets(struct tracker *t, const struct addr *bind)
{
    struct addr any = {.port = bind->port, .family = AF_INET6};
    int r;

    if (bind->family)
        return open_both(t, *bind);
    r = open_both(t, any);
    if (r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL)
        return r;
    /* A system without IPv6. */
    any.family = AF_INET;
    return open_both(t, any);
}

/* --- HTTP --------------------------------------------------------------------------------- */

/* libmicrohttpd splits and unescapes the query, but tracker_serve_http needs the URI as it arrived.
 * libmicrohttpd calls this first, and passes its result to on_request. */
static void *on_uri(void *arg, const char *uri, struct MHD_Connection *connection)
{
    return strdup(uri);
}

static void on_request_end(void *arg, struct MHD_Connection *connection, void **uri,
                           enum MHD_RequestTerminationCode why)
{
    free(*uri);
    *uri = NULL;
}

static enum MHD_Result send_body(struct MHD_Connection *connection, int status, const void *bytes,
                                 size_t n, enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(n, (void *)bytes, mode);
    enum MHD_Result r;

    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "text/plain");
    r = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return r;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *n_upload, void **uri)
{
    struct tracker *t = arg;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct bencode_writer w = BENCODE_WRITER_EMPTY;
    enum MHD_Result r;
    struct addr from;
    int status;

    if (!*uri || !info)
        return MHD_NO;
    if (strcmp(method, MHD_HTTP_METHOD_GET)) {
        static const char only_get[] = "only GET\n";

        return send_body(connection, 405, only_get, sizeof only_get - 1, MHD_RESPMEM_PERSISTENT);
    }
    from = addr_from_sockaddr(info->client_addr);
    status = tracker_serve_http(&t->service, *uri, &from, clock_now(), &w);
    if (status != TRACKER_HTTP_STATUS_OK) {
        static const char usage[] = "a BitTorrent tracker: /announce and /scrape\n";

        r = send_body(connection, status, usage, sizeof usage - 1, MHD_RESPMEM_PERSISTENT);
    } else if (bencode_writer_finish(&w)) {
        r = MHD_NO;
    } else {
        r = send_body(connection, status, w.bytes, w.n, MHD_RESPMEM_MUST_COPY);
    }
    bencode_writer_deinit(&w);
    return r;
}

static int start_http(struct tracker *t)
{
    t->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, t, MHD_OPTION_LISTEN_SOCKET, t->http,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_request_end,
        NULL, MHD_OPTION_END);
    if (!t->daemon)
        return -ENOMEM;
    t->http = -1; /* closed by the daemon */
    return 0;
}

/* --- UDP ---------------------------------------------------------------------------------- */

static void serve_udp(struct tracker *t)
{
    uint8_t bytes[TRACKER_UDP_PACKET_MAX], reply[TRACKER_SERVE_UDP_MAX];

    for (int i = 0; i < DATAGRAMS_AT_ONCE; i++) {
        struct sockaddr_storage sa;
        socklen_t n_sa = sizeof sa;
        ssize_t n = recvfrom(t->udp, bytes, sizeof bytes, 0, (struct sockaddr *)&sa, &n_sa);
        struct addr from;
        size_t size;

        if (n < 0)
            return;
        from = addr_from_sockaddr((struct sockaddr *)&sa);
        size = tracker_serve_udp(&t->service, bytes, (size_t)n, &from, clock_now(), reply);
        /* A reply for which the socket has no room is lost like any datagram: the client
         * retries. */
        if (size && sendto(t->udp, reply, size, MSG_NOSIGNAL, (struct sockaddr *)&sa, n_sa) < 0)
            log_debug(FACILITY, "cannot send a reply: %s", strerrordesc_np(errno));
    }
}

/* --- messages ----------------------------------------------------------------------------- */

static void ask_for_sweep(struct tracker *t)
{
    timer_init_after(&t->sweep);
    t->sweep.delay_ns = SWEEP_NS;
    t->sweep_is_out = tracker_ask_timer_after(&t->inbox, t->timer, &t->sweep);
}

static void on_shutdown(struct tracker *t, struct tracker_shutdown *m)
{
    t->stopping = true;
}

static void reply_timer_after(struct tracker *t, struct timer_after *m)
{
    t->sweep_is_out = false;
    if (m->cancelled)
        return;
    swarm_table_sweep(&t->service.swarms, clock_now());
    ask_for_sweep(t);
}

MSG_DISPATCH(tracker, TRACKER_TABLE, struct tracker);

/* --- the loop ----------------------------------------------------------------------------- */

static void sleep_and_serve(struct tracker *t, int epoll_fd)
{
    struct pollfd fds[] = {
        {.fd = t->waker.fd, .events = POLLIN},
        {.fd = epoll_fd, .events = POLLIN},
        {.fd = t->udp, .events = POLLIN},
    };
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    int timeout = -1;

    if (MHD_get_timeout(t->daemon, &timeout_ms) == MHD_YES)
        timeout = timeout_ms < 60000 ? (int)timeout_ms : 60000;
    waker_arm(&t->waker);
    if (channel_is_empty(&t->inbox.channel))
        poll(fds, N_ELEMENTS(fds), timeout);
    waker_disarm(&t->waker);
    MHD_run(t->daemon);
    serve_udp(t);
}

static void *run(void *arg)
{
    struct tracker *t = arg;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(t->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct msg *m;

    ask_for_sweep(t);
    while (!t->stopping || t->sweep_is_out) {
        sleep_and_serve(t, info->epoll_fd);
        while ((m = channel_receive(&t->inbox.channel)))
            tracker_dispatch(t, m);
    }
    channel_close(&t->inbox.channel);
    while ((m = channel_receive(&t->inbox.channel)))
        tracker_dispatch(t, m);
    return NULL;
}

static void tracker_free(struct tracker *t)
{
    if (t->daemon)
        MHD_stop_daemon(t->daemon);
    if (t->http >= 0)
        close(t->http);
    if (t->udp >= 0)
        close(t->udp);
    tracker_service_deinit(&t->service);
    waker_deinit(&t->waker);
    free(t);
}

struct tracker *tracker_start(struct timer_inbox *timer, const struct tracker_options *options)
{
    struct tracker *t = NEW(struct tracker);
    uint8_t secret[TRACKER_SECRET_SIZE];
    uint64_t seed;
    int r;

    t->http = t->udp = -1;
    t->timer = timer;
    t->waker = WAKER_EMPTY;
    rng_secret(secret, sizeof secret);
    rng_secret(&seed, sizeof seed);
    tracker_service_init(&t->service,
                         options->interval_s ? options->interval_s : TRACKER_INTERVAL_DEFAULT, seed,
                         secret);
    r = open_sockets(t, &options->bind);
    if (!r)
        r = waker_init_eventfd(&t->waker);
    if (!r)
        r = start_http(t);
    channel_init(&t->inbox.channel, &t->waker);
    if (!r)
        r = actor_start(&t->actor, "tracker", run, t);
    if (r) {
        tracker_free(t);
        errno = -r;
        return NULL;
    }
    return t;
}

struct tracker_inbox *tracker_inbox(struct tracker *t)
{
    return &t->inbox;
}

uint16_t tracker_port(const struct tracker *t)
{
    return t->port;
}

void tracker_join(struct tracker *t)
{
    if (!t)
        return;
    actor_join(&t->actor);
    tracker_free(t);
}
