/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conjure/actors/announcer.h"
#include "conjure/actors/timer.h"
#include "conjure/base/alloc.h"
#include "conjure/base/bytes.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"
#include "conjure/swarm/swarm.h"
#include "conjure/torrent/metainfo.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MANY 200u
#else
#define MANY 1000u
#endif
#define CONNECTIONS_MAX 64
#define N_REFUSING      100u /* more than the unused services that Announcer keeps */

/* --- a tracker that replies at once, or never ------------------------------------------------- */

static struct server {
    pthread_t thread;
    int tcp, udp;
    int stop[2]; /* a pipe */
    uint16_t port;
    bool silent;
    unsigned n_ignored; /* datagrams at first that get no reply */
    /* To be read after the thread has ended. */
    unsigned n_connections, n_most, n_started, n_stopped, n_connects;
} a_server, another_server;

struct connection {
    int fd;
    size_t n;
    char bytes[4096];
};

static void answer_http(struct server *s, struct connection *c)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n"
                                "d8:intervali1800e5:peers0:e";
    char *end;

    c->bytes[c->n] = 0;
    while ((end = strstr(c->bytes, "\r\n\r\n"))) {
        *end = 0;
        s->n_started += strstr(c->bytes, "event=started") != NULL;
        s->n_stopped += strstr(c->bytes, "event=stopped") != NULL;
        if (!s->silent)
            ck_assert_int_gt(send(c->fd, reply, sizeof reply - 1, MSG_NOSIGNAL), 0);
        c->n -= (size_t)(end + 4 - c->bytes);
        memmove(c->bytes, end + 4, c->n + 1);
    }
}

static void answer_udp(struct server *s)
{
    uint8_t in[2048], out[20] = {0};
    struct sockaddr_in from;
    socklen_t n_from = sizeof from;
    ssize_t n = recvfrom(s->udp, in, sizeof in, 0, (struct sockaddr *)&from, &n_from);

    if (n < 16)
        return;
    memcpy(out + 4, in + 12, 4);
    if (n == 16) {
        s->n_connects++;
        put_be64(out + 8, 77);
    } else {
        ck_assert_uint_eq(get_be64(in), 77);
        s->n_started += get_be32(in + 80) == 2;
        s->n_stopped += get_be32(in + 80) == 3;
        put_be32(out, 1);
        put_be32(out + 8, 1800);
    }
    if (s->n_ignored)
        s->n_ignored--;
    else if (!s->silent)
        sendto(s->udp, out, n == 16 ? 16 : 20, 0, (struct sockaddr *)&from, n_from);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    struct connection *connections = mem_new_array(CONNECTIONS_MAX, sizeof *connections);
    unsigned n = 0;

    for (;;) {
        struct pollfd p[3 + CONNECTIONS_MAX] = {{.fd = s->stop[0], .events = POLLIN},
                                                {.fd = s->tcp, .events = POLLIN},
                                                {.fd = s->udp, .events = POLLIN}};

        for (unsigned i = 0; i < n; i++)
            p[3 + i] = (struct pollfd){.fd = connections[i].fd, .events = POLLIN};
        poll(p, 3 + n, -1);
        if (p[0].revents)
            break;
        for (unsigned i = n; i-- > 0;) {
            struct connection *c = &connections[i];
            ssize_t got;

            if (!p[3 + i].revents)
                continue;
            got = recv(c->fd, c->bytes + c->n, sizeof c->bytes - 1 - c->n, 0);
            if (got > 0) {
                c->n += (size_t)got;
                answer_http(s, c);
            } else {
                close(c->fd);
                *c = connections[--n];
            }
        }
        if (p[1].revents) {
            ck_assert_uint_lt(n, CONNECTIONS_MAX);
            connections[n++] = (struct connection){.fd = accept(s->tcp, NULL, NULL)};
            s->n_connections++;
            if (n > s->n_most)
                s->n_most = n;
        }
        if (p[2].revents)
            answer_udp(s);
    }
    while (n)
        close(connections[--n].fd);
    free(connections);
    return NULL;
}

enum manner {
    ANSWERS,
    SILENT,
};

static void server_open_ignoring(struct server *s, enum manner manner, unsigned n_ignored)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;
    int one = 1;

    *s = (struct server){.silent = manner == SILENT, .n_ignored = n_ignored};
    s->tcp = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s->tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    s->udp = socket(AF_INET, SOCK_DGRAM, 0);
    /* UDP and TCP use the same port: retry when another process uses it for UDP. */
    do {
        close(s->tcp);
        s->tcp = socket(AF_INET, SOCK_STREAM, 0);
        sa.sin_port = 0;
        ck_assert_int_eq(bind(s->tcp, (struct sockaddr *)&sa, sizeof sa), 0);
        getsockname(s->tcp, (struct sockaddr *)&sa, &n);
    } while (bind(s->udp, (struct sockaddr *)&sa, sizeof sa));
    ck_assert_int_eq(listen(s->tcp, 64), 0);
    s->port = ntohs(sa.sin_port);
    ck_assert_int_eq(pipe(s->stop), 0);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_open(struct server *s, enum manner manner)
{
    server_open_ignoring(s, manner, 0);
}

static void server_close(struct server *s)
{
    close(s->stop[1]);
    pthread_join(s->thread, NULL);
    close(s->stop[0]);
    close(s->tcp);
    close(s->udp);
}

/* --- many torrents ------------------------------------------------------------------------- */

static struct world {
    struct waker waker;
    struct lobby_inbox lobby;
    struct master_inbox master;
    struct timer *timer;
    struct announcer *announcer;
    struct metainfo *metas[MANY];
    struct swarm swarms[MANY];
} w;

static void quiet(enum log_level level, const char *facility, const char *text)
{
}

/* Gives torrent I these tiers, bencoded. */
static void set_tiers(unsigned i, const char *tiers)
{
    char bytes[8192], reason[METAINFO_REASON_MAX];
    int n = snprintf(bytes, sizeof bytes,
                     "d13:announce-list%s4:infod6:lengthi5e4:name4:%04u12:piece lengthi16384e"
                     "6:pieces20:aaaaaaaaaaaaaaaaaaaaee",
                     tiers, i);
    struct metainfo **meta = &w.metas[i];
    struct swarm *s = &w.swarms[i];

    metainfo_free(*meta);
    ck_assert_msg(!metainfo_parse((uint8_t *)bytes, (size_t)n, meta, reason), "%s", reason);
    s->info_hash = *metainfo_info_hash(*meta);
    s->name = metainfo_name(*meta);
    s->trackers = metainfo_trackers(*meta);
}

/* Each torrent has the same tiers. */
static void world_open(const char *tiers, const struct announcer_options *options)
{
    log_set_sink(quiet);
    memset(&w, 0, sizeof w);
    waker_init_futex(&w.waker);
    channel_init(&w.lobby.channel, &w.waker);
    channel_init(&w.master.channel, &w.waker);
    for (unsigned i = 0; i < MANY; i++) {
        set_tiers(i, tiers);
        w.swarms[i].id = i;
        w.swarms[i].port = 6881;
    }
    w.timer = timer_start();
    w.announcer = announcer_start(timer_inbox(w.timer), &w.lobby, &w.master, options);
    ck_assert_ptr_nonnull(w.announcer);
}

static struct msg *next_message(void)
{
    struct msg *m = NULL;

    for (int i = 0; !m && i < 1000; i++)
        m = channel_receive_wait(&w.master.channel, 10 * NS_PER_S);
    ck_assert_ptr_nonnull(m);
    return m;
}

static void start(unsigned i)
{
    struct announcer_torrent_started *m = announcer_new_torrent_started();

    m->swarm = &w.swarms[i];
    m->left = 5;
    announcer_tell_or_drop_torrent_started(announcer_inbox(w.announcer), m);
}

static void start_all(void)
{
    for (unsigned i = 0; i < MANY; i++)
        start(i);
}

/* Waits for N successful announces; returns how many failed meanwhile. */
static unsigned take_replies(unsigned n)
{
    unsigned n_failed = 0;

    while (n) {
        struct master_tracker_says *m = (struct master_tracker_says *)next_message();

        ck_assert_uint_eq(m->msg.kind, master_kind_tracker_says);
        n -= m->ok;
        n_failed += !m->ok;
        msg_free(&m->msg);
    }
    return n_failed;
}

/* Takes N failed announces of torrent I. */
static void take_failures(unsigned i, unsigned n)
{
    while (n--) {
        struct master_tracker_says *m = (struct master_tracker_says *)next_message();

        ck_assert_uint_eq(m->msg.kind, master_kind_tracker_says);
        ck_assert(!m->ok && m->swarm == &w.swarms[i]);
        msg_free(&m->msg);
    }
}

/* Stops N torrents from FIRST on. */
static void stop(unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++) {
        struct announcer_torrent_stopped *m = announcer_new_torrent_stopped();

        m->swarm = &w.swarms[i];
        ck_assert(master_ask_announcer_torrent_stopped(&w.master, announcer_inbox(w.announcer), m));
    }
    while (n) {
        struct msg *m = next_message();

        n -= m->kind == announcer_kind_torrent_stopped;
        msg_free(m);
    }
}

static void stop_all(void)
{
    stop(0, MANY);
}

static void world_close(void)
{
    struct timer_shutdown timer_shutdown;
    struct announcer_shutdown shutdown;
    struct msg *m;

    timer_init_shutdown(&timer_shutdown);
    ck_assert(master_ask_timer_shutdown(&w.master, timer_inbox(w.timer), &timer_shutdown));
    ck_assert_ptr_eq(next_message(), &timer_shutdown);
    announcer_init_shutdown(&shutdown);
    ck_assert(master_ask_announcer_shutdown(&w.master, announcer_inbox(w.announcer), &shutdown));
    ck_assert_ptr_eq(next_message(), &shutdown);
    announcer_join(w.announcer);
    timer_join(w.timer);
    while ((m = channel_receive(&w.lobby.channel)))
        msg_free(m);
    for (unsigned i = 0; i < MANY; i++)
        metainfo_free(w.metas[i]);
}

static const char *tiers_of(const char *first, uint16_t first_port, const char *second,
                            uint16_t second_port)
{
    static char text[256];
    char urls[2][64];
    int n = snprintf(urls[0], sizeof urls[0], "%s://127.0.0.1:%u/a", first, first_port);

    if (!second)
        snprintf(text, sizeof text, "ll%d:%see", n, urls[0]);
    else
        snprintf(text, sizeof text, "ll%d:%sel%d:%see", n, urls[0],
                 snprintf(urls[1], sizeof urls[1], "%s://127.0.0.1:%u/a", second, second_port),
                 urls[1]);
    return text;
}

/* --- tests --------------------------------------------------------------------------------- */

/* All torrents announce `started` and `stopped` to a tracker of SCHEME. */
static void start_and_stop_all(const char *scheme)
{
    struct announcer_options options = {.stop_timeout_ms = 20000};

    server_open(&a_server, ANSWERS);
    world_open(tiers_of(scheme, a_server.port, NULL, 0), &options);
    start_all();
    ck_assert_uint_eq(take_replies(MANY), 0);
    stop_all();
    world_close();
    server_close(&a_server);
    ck_assert_uint_eq(a_server.n_started, MANY);
    ck_assert_uint_eq(a_server.n_stopped, MANY);
}

START_TEST(few_connections_carry_all_announces)
{
    start_and_stop_all("http");
    ck_assert_uint_le(a_server.n_most, 16);
    /* Connections are kept alive; some may be closed early. */
    ck_assert_uint_le(a_server.n_connections, 32);
}
END_TEST

START_TEST(one_connection_id_serves_all_announces)
{
    start_and_stop_all("udp");
    ck_assert_uint_eq(a_server.n_connects, 1);
}
END_TEST

/* The first tracker of all torrents never replies: some time out, and all try the second. */
START_TEST(a_silent_tracker_costs_its_timeout_once)
{
    struct announcer_options options = {.total_timeout_ms = 1000, .stop_timeout_ms = 20000};
    uint64_t began = clock_now();

    server_open(&a_server, SILENT);
    server_open(&another_server, ANSWERS);
    world_open(tiers_of("http", a_server.port, "http", another_server.port), &options);
    start_all();
    ck_assert_uint_eq(take_replies(MANY), MANY);
    ck_assert_uint_lt(clock_now() - began, 10 * NS_PER_S);
    stop_all();
    world_close();
    server_close(&a_server);
    server_close(&another_server);
    ck_assert_uint_le(a_server.n_started, 16);
    ck_assert_uint_eq(another_server.n_started, MANY);
    ck_assert_uint_eq(another_server.n_stopped, MANY);
}
END_TEST

/* A tracker that accepts connections and never replies: the timeout of one torrent is enough for
 * all. */
START_TEST(a_thousand_torrents_stop_in_one_timeout_at_a_silent_tracker)
{
    struct announcer_options options = {.total_timeout_ms = 60000, .stop_timeout_ms = 300};
    uint64_t began;

    server_open(&a_server, SILENT);
    world_open(tiers_of("http", a_server.port, NULL, 0), &options);
    start_all();
    began = clock_now();
    stop_all();
    ck_assert_uint_lt(clock_now() - began, 10 * NS_PER_S);
    world_close();
    server_close(&a_server);
}
END_TEST

/* One torrent waits for a slow tracker while another torrent, with many trackers, stops. */
START_TEST(a_sweep_keeps_the_service_of_a_slow_tracker)
{
    struct announcer_options options = {.stop_timeout_ms = 20000};
    char tiers[8192], url[64];
    int n = snprintf(tiers, sizeof tiers, "l");

    for (unsigned i = 1; i <= N_REFUSING; i++) {
        snprintf(url, sizeof url, "http://127.0.1.%u:1/a", i);
        n += snprintf(tiers + n, sizeof tiers - (size_t)n, "l%zu:%se", strlen(url), url);
    }
    snprintf(tiers + n, sizeof tiers - (size_t)n, "e");
    server_open_ignoring(&a_server, ANSWERS, 3);
    world_open(tiers_of("udp", a_server.port, NULL, 0), &options);
    set_tiers(1, tiers);
    start(0);
    take_failures(0, 1); /* no answer yet */
    start(1);
    take_failures(1, N_REFUSING);
    stop(1, 1);
    ck_assert_uint_eq(take_replies(1), 0);
    stop(0, 1);
    world_close();
    server_close(&a_server);
}
END_TEST

RUN_SUITE("announcer with many torrents", 50, few_connections_carry_all_announces,
          one_connection_id_serves_all_announces, a_silent_tracker_costs_its_timeout_once,
          a_thousand_torrents_stop_in_one_timeout_at_a_silent_tracker,
          a_sweep_keeps_the_service_of_a_slow_tracker);
