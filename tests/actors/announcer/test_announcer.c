/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conjure/actors/announcer.h"
#include "conjure/actors/timer.h"
#include "conjure/base/bytes.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"
#include "conjure/swarm/swarm.h"
#include "conjure/torrent/metainfo.h"

/* --- a tracker with a script ---------------------------------------------------------------- */

#define REQUESTS_MAX 16

struct server {
    pthread_t thread;
    int fd;
    int stop[2]; /* a pipe */
    uint16_t port;
    const char *const *replies; /* one a request, the last for all others; NULL: hang */
    unsigned n_replies;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char requests[REQUESTS_MAX][2048];
    unsigned n_requests;
    bool silent_udp;
    bool error_udp;
};

static void server_open(struct server *s, int type, void *(*run)(void *))
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;

    s->fd = socket(AF_INET, type, 0);
    ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&sa, sizeof sa), 0);
    if (type == SOCK_STREAM)
        ck_assert_int_eq(listen(s->fd, 16), 0);
    getsockname(s->fd, (struct sockaddr *)&sa, &n);
    s->port = ntohs(sa.sin_port);
    ck_assert_int_eq(pipe(s->stop), 0);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, run, s), 0);
}

static void server_close(struct server *s)
{
    close(s->stop[1]);
    pthread_join(s->thread, NULL);
    close(s->stop[0]);
    close(s->fd);
}

static bool server_wait(struct server *s, int fd)
{
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};

    poll(p, 2, -1);
    return !p[1].revents;
}

/* Notes a request and returns its number. */
static unsigned server_note(struct server *s, const char *text)
{
    unsigned n;

    pthread_mutex_lock(&s->lock);
    n = s->n_requests++;
    ck_assert_uint_lt(n, REQUESTS_MAX);
    snprintf(s->requests[n], sizeof s->requests[n], "%s", text);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return n;
}

static const char *server_request(struct server *s, unsigned n)
{
    pthread_mutex_lock(&s->lock);
    while (s->n_requests <= n)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return s->requests[n];
}

static const char flood[] = "flood";

static void answer(int fd, const char *reply)
{
    static char zeros[4096];

    if (reply != flood) {
        ck_assert_int_ge(send(fd, reply, strlen(reply), MSG_NOSIGNAL), 0);
        return;
    }
    reply = "HTTP/1.0 200 OK\r\n\r\n";
    send(fd, reply, strlen(reply), MSG_NOSIGNAL);
    for (int i = 0; i < 4096; i++)
        if (send(fd, zeros, sizeof zeros, MSG_NOSIGNAL) < 0)
            break;
}

static void *serve_http(void *arg)
{
    struct server *s = arg;
    int hung[REQUESTS_MAX], n_hung = 0;

    while (server_wait(s, s->fd)) {
        int fd = accept(s->fd, NULL, NULL);
        const char *reply;
        char text[2048];
        size_t n = 0;
        unsigned i;
        ssize_t r;

        while (n < sizeof text - 1 && (r = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0) {
            n += (size_t)r;
            text[n] = 0;
            if (strstr(text, "\r\n\r\n"))
                break;
        }
        text[n] = 0;
        i = server_note(s, text);
        reply = s->replies[i < s->n_replies ? i : s->n_replies - 1];
        if (reply) {
            answer(fd, reply);
            close(fd);
        } else {
            hung[n_hung++] = fd;
        }
    }
    while (n_hung)
        close(hung[--n_hung]);
    return NULL;
}

static void *serve_udp(void *arg)
{
    struct server *s = arg;

    while (server_wait(s, s->fd)) {
        uint8_t in[2048], out[64] = {0};
        struct sockaddr_in from;
        socklen_t n_from = sizeof from;
        ssize_t n = recvfrom(s->fd, in, sizeof in, 0, (struct sockaddr *)&from, &n_from);
        size_t n_out = 16;
        char note[64];

        if (n < 16)
            continue;
        snprintf(note, sizeof note, "action %u event %u", get_be32(in + 8),
                 n >= 98 ? get_be32(in + 80) : 0);
        server_note(s, note);
        if (s->silent_udp)
            continue;
        memcpy(out + 4, in + 12, 4);
        if (s->error_udp) {
            put_be32(out, 3);
            memcpy(out + 8, "go away", 8);
        } else if (n == 16) {
            put_be64(out + 8, 0x1122334455667788);
        } else if (get_be64(in) == 0x1122334455667788) {
            static const uint8_t body[] = {0, 0, 0, 0, 0, 0,  7, 8, 0, 0,    0,
                                           2, 0, 0, 0, 3, 10, 1, 2, 3, 0x1a, 0xe1};

            memcpy(out + 8, body + 4, sizeof body - 4);
            put_be32(out, 1);
            n_out = 8 + sizeof body - 4;
        }
        /* A liar first: another transaction. */
        out[4] ^= 1;
        sendto(s->fd, out, n_out, 0, (struct sockaddr *)&from, n_from);
        out[4] ^= 1;
        sendto(s->fd, out, n_out, 0, (struct sockaddr *)&from, n_from);
    }
    return NULL;
}

/* --- the world around Announcer ------------------------------------------------------------- */

struct world {
    struct waker waker;
    struct lobby_inbox lobby;
    struct master_inbox master;
    struct timer *timer;
    struct announcer *announcer;
    struct metainfo *meta;
    struct swarm swarm;
};

static void quiet(enum log_level level, const char *facility, const char *text)
{
}

/* Tiers are separated by ';', trackers of one by ' '. */
static void world_open(struct world *w, const char *tiers, const struct announcer_options *options)
{
    char torrent[4096], list[2048] = "", reason[METAINFO_REASON_MAX], copy[1024];
    char *tier, *at = copy;
    int n;

    log_set_sink(quiet);
    snprintf(copy, sizeof copy, "%s", tiers);
    while ((tier = strsep(&at, ";"))) {
        char *url;

        strcat(list, "l");
        while ((url = strsep(&tier, " ")))
            snprintf(list + strlen(list), sizeof list - strlen(list), "%zu:%s", strlen(url), url);
        strcat(list, "e");
    }
    n = snprintf(torrent, sizeof torrent,
                 "d13:announce-listl%se4:infod6:lengthi5e4:name1:x12:piece lengthi16384e6:pieces20:"
                 "aaaaaaaaaaaaaaaaaaaaee",
                 list);
    waker_init_futex(&w->waker);
    channel_init(&w->lobby.channel, &w->waker);
    channel_init(&w->master.channel, &w->waker);
    ck_assert_msg(!metainfo_parse((uint8_t *)torrent, (size_t)n, &w->meta, reason), "%s", reason);
    w->swarm.info_hash = *metainfo_info_hash(w->meta);
    w->swarm.name = metainfo_name(w->meta);
    w->swarm.trackers = metainfo_trackers(w->meta);
    memcpy(w->swarm.peer_id, "-CJ0100-abcdefghijkl", 20);
    w->swarm.key = 0xabcdef01;
    w->swarm.port = 6881;
    w->timer = timer_start();
    w->announcer = announcer_start(timer_inbox(w->timer), &w->lobby, &w->master, options);
    ck_assert_ptr_nonnull(w->announcer);
}

/* The next message to Master; it must be of KIND. */
static void *world_wait(struct world *w, uint16_t kind)
{
    struct msg *m = NULL;

    for (int i = 0; !m && i < 1000; i++)
        m = channel_receive_wait(&w->master.channel, 10 * NS_PER_S);
    ck_assert_ptr_nonnull(m);
    ck_assert_str_eq(msg_name(m->kind), msg_name(kind));
    return m;
}

static struct master_tracker_says world_says(struct world *w)
{
    struct master_tracker_says *m = world_wait(w, master_kind_tracker_says), copy = *m;

    msg_free(&m->msg);
    ck_assert_ptr_eq(copy.swarm, &w->swarm);
    return copy;
}

static void world_start_torrent(struct world *w)
{
    struct announcer_torrent_started *m = announcer_new_torrent_started();

    m->swarm = &w->swarm;
    m->left = 5;
    announcer_tell_or_drop_torrent_started(announcer_inbox(w->announcer), m);
}

static void world_complete_torrent(struct world *w)
{
    struct announcer_torrent_completed *m = announcer_new_torrent_completed();

    m->swarm = &w->swarm;
    announcer_tell_or_drop_torrent_completed(announcer_inbox(w->announcer), m);
}

static void world_stop_torrent(struct world *w)
{
    struct announcer_torrent_stopped stopped;
    struct master_tracker_says *m;
    struct msg *home;

    announcer_init_torrent_stopped(&stopped);
    stopped.swarm = &w->swarm;
    ck_assert(
        master_ask_announcer_torrent_stopped(&w->master, announcer_inbox(w->announcer), &stopped));
    while ((home = channel_receive_wait(&w->master.channel, 10 * NS_PER_S)) != &stopped.msg) {
        if (!home)
            continue;
        m = (struct master_tracker_says *)home;
        ck_assert_uint_eq(home->kind, master_kind_tracker_says);
        msg_free(&m->msg);
    }
}

static void world_close(struct world *w)
{
    struct timer_shutdown no_more_time;
    struct announcer_shutdown bye;
    struct msg *m;

    timer_init_shutdown(&no_more_time);
    ck_assert(master_ask_timer_shutdown(&w->master, timer_inbox(w->timer), &no_more_time));
    ck_assert_ptr_eq(world_wait(w, timer_kind_shutdown), &no_more_time);
    announcer_init_shutdown(&bye);
    ck_assert(master_ask_announcer_shutdown(&w->master, announcer_inbox(w->announcer), &bye));
    ck_assert_ptr_eq(world_wait(w, announcer_kind_shutdown), &bye);
    announcer_join(w->announcer);
    timer_join(w->timer);
    while ((m = channel_receive(&w->lobby.channel)))
        msg_free(m);
    metainfo_free(w->meta);
}

static void check_peer(struct world *w, const char *text)
{
    struct lobby_peers_found *m = (void *)channel_receive(&w->lobby.channel);
    char buffer[ADDR_TEXT_MAX];

    ck_assert_ptr_nonnull(m);
    ck_assert_ptr_eq(m->swarm, &w->swarm);
    ck_assert_uint_eq(m->n_addrs, 1);
    ck_assert_str_eq(addr_format(&m->addrs[0], buffer), text);
    msg_free(&m->msg);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define GOOD                                                                                  \
    OK_HEAD "d8:completei7e10:incompletei2e8:intervali1800e5:peers6:\x0a\x01\x02\x03\x1a\xe1" \
            "e"

/* --- the tests ------------------------------------------------------------------------------ */

START_TEST(http_from_started_to_stopped)
{
    static const char *const replies[] = {GOOD};
    struct server s = {.replies = replies, .n_replies = 1};
    struct world w = {0};
    struct master_tracker_says says;
    char url[64];
    const char *request;

    server_open(&s, SOCK_STREAM, serve_http);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/announce", s.port);
    world_open(&w, url, NULL);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert(says.ok);
    ck_assert_uint_eq(says.n_seeders, 7);
    ck_assert_uint_eq(says.n_leechers, 2);
    ck_assert_uint_eq(says.n_peers, 1);
    ck_assert_str_eq(says.text, "");
    check_peer(&w, "10.1.2.3:6881");
    request = server_request(&s, 0);
    ck_assert_ptr_nonnull(strstr(request, "GET /announce?info_hash="));
    ck_assert_ptr_nonnull(strstr(request, "&peer_id=-CJ0100-abcdefghijkl&port=6881&"));
    ck_assert_ptr_nonnull(strstr(request, "&left=5&"));
    ck_assert_ptr_nonnull(strstr(request, "&event=started "));
    ck_assert_ptr_nonnull(strstr(request, "User-Agent: Conjure/"));
    /* The last words of a client that leaves the moment it is complete. */
    world_complete_torrent(&w);
    world_stop_torrent(&w);
    ck_assert_ptr_nonnull(strstr(server_request(&s, 1), "&event=completed "));
    ck_assert_ptr_nonnull(strstr(server_request(&s, 1), "&left=0&"));
    ck_assert_ptr_nonnull(strstr(server_request(&s, 2), "&event=stopped "));
    ck_assert_uint_eq(s.n_requests, 3);
    world_close(&w);
    server_close(&s);
}
END_TEST

/* One tracker that answers with REPLY: how Master hears of it. */
static void check_failure(const char *reply, const char *text)
{
    const char *const replies[] = {reply};
    struct server s = {.replies = replies, .n_replies = 1};
    struct world w = {0};
    struct master_tracker_says says;
    struct announcer_options options = {.total_timeout_ms = 300, .stop_timeout_ms = 300};
    char url[64];

    server_open(&s, SOCK_STREAM, serve_http);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/announce", s.port);
    world_open(&w, url, &options);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert(!says.ok);
    ck_assert_msg(!strncmp(says.text, "127.0.0.1: ", 11) && strstr(says.text, text),
                  "%s does not contain %s", says.text, text);
    ck_assert_ptr_null(channel_receive(&w.lobby.channel));
    world_stop_torrent(&w);
    /* It never accepted `started`, so it does not hear `stopped`. */
    ck_assert(s.n_requests == 1 || strstr(reply, "Location"));
    world_close(&w);
    server_close(&s);
}

START_TEST(http_failures_are_told)
{
    check_failure(OK_HEAD "d14:failure reason7:go awaye", "go away");
    check_failure("HTTP/1.1 403 No\r\n\r\nd14:failure reason6:bannede", "banned");
    check_failure("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "HTTP status 404");
    check_failure(OK_HEAD "<html>", "no B-coding");
    check_failure(OK_HEAD "d5:peersi5ee", "malformed");
    check_failure(OK_HEAD, "empty reply");
    check_failure(flood, "longer than 1048576");
    check_failure("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "longer than");
    check_failure(
        "HTTP/1.1 302 x\r\nConnection: close\r\nLocation: /announce\r\nContent-Length: 0\r\n\r\n",
        "redirects");
    check_failure("HTTP/1.1 302 x\r\nConnection: close\r\nLocation: file:///etc/passwd\r\n\r\n",
                  "rotocol");
    check_failure("nonsense\r\n\r\n", "HTTP/0.9");
}
END_TEST

START_TEST(http_redirect_and_warning)
{
    static const char *const replies[] = {
        "HTTP/1.1 301 x\r\nLocation: /other?a=1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        OK_HEAD "d8:intervali60e5:peersld2:ip9:10.9.8.7x4:porti80eed2:ip8:10.9.8.74:porti80eee15:"
                "warning message4:olode",
    };
    struct server s = {.replies = replies, .n_replies = 2};
    struct world w = {0};
    struct master_tracker_says says;
    char url[64];

    server_open(&s, SOCK_STREAM, serve_http);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/announce", s.port);
    world_open(&w, url, NULL);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert(says.ok);
    ck_assert_str_eq(says.text, "127.0.0.1: olod");
    check_peer(&w, "10.9.8.7:80");
    world_stop_torrent(&w);
    world_close(&w);
    server_close(&s);
}
END_TEST

START_TEST(http_hanging_tracker_costs_its_time_limit)
{
    static const char *const hang[] = {NULL};
    static const char *const then_hang[] = {GOOD, NULL};
    struct server s = {.replies = hang, .n_replies = 1}, t = {.replies = then_hang, .n_replies = 2};
    struct announcer_options options = {.total_timeout_ms = 200, .stop_timeout_ms = 200};
    struct world w = {0};
    struct master_tracker_says says;
    char urls[128];
    uint64_t began;

    server_open(&s, SOCK_STREAM, serve_http);
    server_open(&t, SOCK_STREAM, serve_http);
    snprintf(urls, sizeof urls, "http://127.0.0.1:%u/a;wss://127.0.0.1/x;http://localhost:%u/b",
             s.port, t.port);
    world_open(&w, urls, &options);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert(!says.ok);
    ck_assert_msg(strstr(says.text, "timed out") != NULL, "%s", says.text);
    /* BEP 12: the next tier, at once. */
    ck_assert(world_says(&w).ok);
    began = clock_now();
    world_stop_torrent(&w);
    ck_assert_uint_lt(clock_now() - began, 3 * NS_PER_S);
    world_close(&w);
    server_close(&s);
    server_close(&t);
}
END_TEST

START_TEST(stop_cuts_off_an_announce_under_way)
{
    static const char *const hang[] = {NULL};
    struct server s = {.replies = hang, .n_replies = 1};
    struct announcer_options options = {.stop_timeout_ms = 100};
    struct world w = {0};
    char url[64];

    server_open(&s, SOCK_STREAM, serve_http);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/announce", s.port);
    world_open(&w, url, &options);
    world_start_torrent(&w);
    server_request(&s, 0);
    world_stop_torrent(&w);
    ck_assert_ptr_nonnull(strstr(server_request(&s, 1), "event=stopped"));
    world_close(&w);
    server_close(&s);
}
END_TEST

START_TEST(nobody_listens)
{
    struct world w = {0};
    struct master_tracker_says says;

    /* Port 1 of loopback refuses, over both protocols; the third is no host. */
    world_open(&w,
               "udp://127.0.0.1:1;http://127.0.0.1:1/;udp://no-such-host.invalid:1/;udp://[::1]:1",
               NULL);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert(!says.ok);
    ck_assert_str_eq(says.text, "127.0.0.1: Connection refused");
    says = world_says(&w);
    ck_assert(!says.ok && strstr(says.text, "127.0.0.1: Failed to connect"));
    says = world_says(&w);
    ck_assert(!says.ok && strstr(says.text, "no-such-host.invalid: Could not resolve"));
    says = world_says(&w);
    ck_assert(!says.ok && strstr(says.text, "::1: "));
    world_stop_torrent(&w);
    world_close(&w);
}
END_TEST

static void check_udp(const char *host)
{
    struct server s = {0};
    struct world w = {0};
    struct master_tracker_says says;
    char url[64];

    server_open(&s, SOCK_DGRAM, serve_udp);
    snprintf(url, sizeof url, "udp://%s:%u/announce", host, s.port);
    world_open(&w, url, NULL);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert_msg(says.ok, "%s", says.text);
    ck_assert_uint_eq(says.n_leechers, 2);
    ck_assert_uint_eq(says.n_seeders, 3);
    check_peer(&w, "10.1.2.3:6881");
    world_complete_torrent(&w);
    world_stop_torrent(&w);
    ck_assert_str_eq(server_request(&s, 0), "action 0 event 0");
    ck_assert_str_eq(server_request(&s, 1), "action 1 event 2");
    /* The connection id is still good: no second connect. */
    ck_assert_str_eq(server_request(&s, 2), "action 1 event 1");
    ck_assert_str_eq(server_request(&s, 3), "action 1 event 3");
    world_close(&w);
    server_close(&s);
}

START_TEST(udp_from_started_to_stopped)
{
    check_udp("127.0.0.1");
}
END_TEST

START_TEST(udp_host_name_is_looked_up)
{
    check_udp("localhost");
}
END_TEST

START_TEST(udp_errors_and_silence)
{
    struct server s = {.error_udp = true}, t = {.silent_udp = true};
    struct announcer_options options = {.stop_timeout_ms = 100};
    struct world w = {0};
    struct master_tracker_says says;
    char urls[128];

    server_open(&s, SOCK_DGRAM, serve_udp);
    server_open(&t, SOCK_DGRAM, serve_udp);
    snprintf(urls, sizeof urls, "udp://127.0.0.1:%u;udp://127.0.0.1:%u", s.port, t.port);
    world_open(&w, urls, &options);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert(!says.ok);
    ck_assert_str_eq(says.text, "127.0.0.1: go away");
    server_request(&t, 0);
    world_stop_torrent(&w);
    world_close(&w);
    server_close(&s);
    server_close(&t);
}
END_TEST

RUN_SUITE("announcer", 30, http_from_started_to_stopped, http_failures_are_told,
          http_redirect_and_warning, http_hanging_tracker_costs_its_time_limit,
          stop_cuts_off_an_announce_under_way, nobody_listens, udp_from_started_to_stopped,
          udp_host_name_is_looked_up, udp_errors_and_silence);
