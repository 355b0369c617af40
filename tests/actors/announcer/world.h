/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_ACTORS_ANNOUNCER_WORLD_H
#define CONJURE_TESTS_ACTORS_ANNOUNCER_WORLD_H

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

/* One torrent, the actors around Announcer, and scripted trackers over HTTP and UDP on loopback. */

/* --- a tracker with a script ---------------------------------------------------------------- */

#define REQUESTS_MAX 16

struct server {
    pthread_t thread;
    int fd;
    int stop[2]; /* a pipe */
    uint16_t port;
    const char *const *replies; /* one for each request, then the last again; NULL: hang */
    unsigned n_replies;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char requests[REQUESTS_MAX][2048];
    unsigned n_requests;
    bool silent_udp;
    bool error_udp;
};

static inline void server_open(struct server *s, int type, void *(*run)(void *))
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

static inline void server_close(struct server *s)
{
    close(s->stop[1]);
    pthread_join(s->thread, NULL);
    close(s->stop[0]);
    close(s->fd);
}

static inline bool server_wait(struct server *s, int fd)
{
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};

    poll(p, 2, -1);
    return !p[1].revents;
}

/* Records a request and returns its number. */
static inline unsigned server_record(struct server *s, const char *text)
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

static inline void send_reply(int fd, const char *reply)
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

static inline void *serve_http(void *arg)
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
        i = server_record(s, text);
        reply = s->replies[i < s->n_replies ? i : s->n_replies - 1];
        if (reply) {
            send_reply(fd, reply);
            close(fd);
        } else {
            hung[n_hung++] = fd;
        }
    }
    while (n_hung)
        close(hung[--n_hung]);
    return NULL;
}

static inline void *serve_udp(void *arg)
{
    struct server *s = arg;

    while (server_wait(s, s->fd)) {
        uint8_t in[2048], out[64] = {0};
        struct sockaddr_in from;
        socklen_t n_from = sizeof from;
        ssize_t n = recvfrom(s->fd, in, sizeof in, 0, (struct sockaddr *)&from, &n_from);
        size_t n_out = 16;
        char text[64];

        if (n < 16)
            continue;
        snprintf(text, sizeof text, "action %u event %u", get_be32(in + 8),
                 n >= 98 ? get_be32(in + 80) : 0);
        server_record(s, text);
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
        /* First a datagram of another transaction. */
        out[4] ^= 1;
        sendto(s->fd, out, n_out, 0, (struct sockaddr *)&from, n_from);
        out[4] ^= 1;
        sendto(s->fd, out, n_out, 0, (struct sockaddr *)&from, n_from);
    }
    return NULL;
}

/* --- Announcer and its neighbours ------------------------------------------------------------- */

struct world {
    struct waker waker;
    struct lobby_inbox lobby;
    struct master_inbox master;
    struct timer *timer;
    struct announcer *announcer;
    struct metainfo *meta;
    struct swarm swarm;
};

static inline void quiet(enum log_level level, const char *facility, const char *text)
{
}

/* Tiers are separated by ';', trackers of one by ' '. */
static inline void world_open(struct world *w, const char *tiers,
                              const struct announcer_options *options)
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
static inline void *world_wait(struct world *w, uint16_t kind)
{
    struct msg *m = NULL;

    for (int i = 0; !m && i < 1000; i++)
        m = channel_receive_wait(&w->master.channel, 10 * NS_PER_S);
    ck_assert_ptr_nonnull(m);
    ck_assert_str_eq(msg_name(m->kind), msg_name(kind));
    return m;
}

static inline struct master_tracker_says world_says(struct world *w)
{
    struct master_tracker_says *m = world_wait(w, master_kind_tracker_says), copy = *m;

    msg_free(&m->msg);
    ck_assert_ptr_eq(copy.swarm, &w->swarm);
    return copy;
}

static inline void world_start_torrent(struct world *w)
{
    struct announcer_torrent_started *m = announcer_new_torrent_started();

    m->swarm = &w->swarm;
    m->left = 5;
    announcer_tell_or_drop_torrent_started(announcer_inbox(w->announcer), m);
}

static inline void world_complete_torrent(struct world *w)
{
    struct announcer_torrent_completed *m = announcer_new_torrent_completed();

    m->swarm = &w->swarm;
    announcer_tell_or_drop_torrent_completed(announcer_inbox(w->announcer), m);
}

static inline void world_stop_torrent(struct world *w)
{
    struct announcer_torrent_stopped stopped;
    struct master_tracker_says *m;
    struct msg *reply;

    announcer_init_torrent_stopped(&stopped);
    stopped.swarm = &w->swarm;
    ck_assert(
        master_ask_announcer_torrent_stopped(&w->master, announcer_inbox(w->announcer), &stopped));
    while ((reply = channel_receive_wait(&w->master.channel, 10 * NS_PER_S)) != &stopped.msg) {
        if (!reply)
            continue;
        m = (struct master_tracker_says *)reply;
        ck_assert_uint_eq(reply->kind, master_kind_tracker_says);
        msg_free(&m->msg);
    }
}

static inline void world_close(struct world *w)
{
    struct timer_shutdown timer_shutdown;
    struct announcer_shutdown shutdown;
    struct msg *m;

    timer_init_shutdown(&timer_shutdown);
    ck_assert(master_ask_timer_shutdown(&w->master, timer_inbox(w->timer), &timer_shutdown));
    ck_assert_ptr_eq(world_wait(w, timer_kind_shutdown), &timer_shutdown);
    announcer_init_shutdown(&shutdown);
    ck_assert(master_ask_announcer_shutdown(&w->master, announcer_inbox(w->announcer), &shutdown));
    ck_assert_ptr_eq(world_wait(w, announcer_kind_shutdown), &shutdown);
    announcer_join(w->announcer);
    timer_join(w->timer);
    while ((m = channel_receive(&w->lobby.channel)))
        msg_free(m);
    metainfo_free(w->meta);
}

static inline void check_peer(struct world *w, const char *text)
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

#endif
