/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_ACTORS_LOBBY_FIXTURE_H
#define CONJURE_TESTS_ACTORS_LOBBY_FIXTURE_H

#include "../stub_actors.h"

#include <netinet/tcp.h>

#include "conjure/actors/lobby.h"

/* The Lobby and the threads of its peers are real, and so are the sockets. */
struct fixture {
    struct stub_actors actors;
    struct lobby *lobby;
    uint16_t port;
    bool has_torrent;
};

static const struct lobby_times short_times = {
    .retry_ns = 50 * NS_PER_MS,
    .hold_ns = 300 * NS_PER_MS,
    .twins_ns = 200 * NS_PER_MS,
    .eviction = {.unwanted_ns = 60 * NS_PER_S, .bored_ns = 600 * NS_PER_S},
};

/* The same, and peers may be evicted soon. */
static const struct lobby_times short_eviction = {
    .retry_ns = 50 * NS_PER_MS,
    .hold_ns = 300 * NS_PER_MS,
    .twins_ns = 200 * NS_PER_MS,
    .eviction = {.unwanted_ns = NS_PER_S, .bored_ns = 4 * NS_PER_S},
};

static inline void fixture_begin_with(struct fixture *f, unsigned max_peers,
                                      const struct lobby_times *times)
{
    struct stub_actors *w = &f->actors;
    struct lobby_options o = {.max_peers = max_peers,
                              .times = times,
                              .timer = &w->timer,
                              .announcer = &w->announcer,
                              .choker = &w->choker,
                              .fs = &w->fs,
                              .bandwidth = &w->bandwidth};

    actors_init(w);
    ck_assert_int_eq(lobby_listen(0, &o.listen_fd, &f->port), 0);
    f->lobby = lobby_new();
    ck_assert_int_eq(lobby_run(f->lobby, &o), 0);
}

static inline void fixture_begin(struct fixture *f, unsigned max_peers)
{
    fixture_begin_with(f, max_peers, &short_times);
}

/* Adds the torrent with its first N_HAVE pieces verified; with all of them there is no
 * InterestStat. */
static inline void fixture_add(struct fixture *f, unsigned n_have)
{
    struct lobby_torrent_added *m = lobby_new_torrent_added();

    m->torrent = &f->actors.torrent;
    ck_assert_int_eq(bitfield_init(&m->have, N_PIECES), 0);
    for (unsigned i = 0; i < n_have; i++)
        bitfield_set(&m->have, i);
    if (n_have == N_PIECES)
        channel_close(&f->actors.torrent.interest.channel);
    ck_assert(lobby_tell_torrent_added(lobby_inbox(f->lobby), m));
    UNTIL(&f->actors, f->actors.after); /* with a torrent the Lobby ticks */
    f->has_torrent = true;
}

static inline void fixture_ask_removal(struct fixture *f)
{
    struct lobby_torrent_removed *m = lobby_new_torrent_removed();

    m->swarm = &f->actors.swarm;
    ck_assert(master_ask_lobby_torrent_removed(&f->actors.master, lobby_inbox(f->lobby), m));
    f->has_torrent = false;
}

static inline void fixture_end(struct fixture *f)
{
    struct lobby_shutdown *m = lobby_new_shutdown();
    struct stub_actors *w = &f->actors;

    actors_release(w);
    if (f->has_torrent) {
        fixture_ask_removal(f);
        UNTIL(w, w->n_replies == 1);
    }
    ck_assert(master_ask_lobby_shutdown(&w->master, lobby_inbox(f->lobby), m));
    UNTIL(w, w->n_replies && w->replies[w->n_replies - 1] == &m->msg);
    while (w->n_replies)
        msg_free(w->replies[--w->n_replies]);
    lobby_join(f->lobby);
    if (w->after)
        msg_free(&w->after->msg);
    actors_deinit(w);
}

/* --- the far end -------------------------------------------------------------------------- */

static inline void dial_from(struct remote *r, uint16_t port, const char *from)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)}, here = to;
    int one = 1;

    *r = (struct remote){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    here.sin_port = 0;
    inet_pton(AF_INET, from, &here.sin_addr);
    ck_assert_int_eq(bind(r->fd, (struct sockaddr *)&here, sizeof here), 0);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    ck_assert_int_eq(connect(r->fd, (struct sockaddr *)&to, sizeof to), 0);
    setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* Whether the far end has the Fast extension (BEP 6). */
enum protocol { PLAIN, FAST };

static inline void handshake(const struct fixture *f, const char *id, enum protocol protocol,
                             uint8_t bytes[68])
{
    struct handshake x = {.fast = protocol == FAST};

    x.info_hash = *metainfo_info_hash(f->actors.torrent.meta);
    memcpy(x.peer_id, id, 20);
    handshake_encode(&x, bytes);
}

static inline void read_handshake(struct fixture *f, struct remote *r)
{
    UNTIL(&f->actors, remote_has(r, 68));
    ck_assert(!r->ended);
    ck_assert_mem_eq(r->bytes + 28, metainfo_info_hash(f->actors.torrent.meta)->bytes, 20);
    ck_assert_mem_eq(r->bytes + 48, f->actors.swarm.peer_id, 20);
    remote_drop(r, 68);
}

/* Connects, exchanges handshakes, and drops the first message, which a FAST peer gets. */
static inline void join_as(struct fixture *f, struct remote *r, const char *id,
                           enum protocol protocol)
{
    uint8_t bytes[68];
    unsigned n = f->actors.n_joined_choker;

    dial_from(r, f->port, "127.0.0.1");
    handshake(f, id, protocol, bytes);
    remote_send(r, bytes, 68);
    read_handshake(f, r);
    UNTIL(&f->actors, f->actors.n_joined_choker == n + 1);
    if (protocol == FAST) {
        UNTIL(&f->actors, remote_has_message(r));
        remote_drop(r, 4 + get_be32(r->bytes));
    }
}

/* Sends INTERESTED, and reads until UNCHOKE. */
static inline void become_interested(struct fixture *f, struct remote *r)
{
    uint8_t id;

    remote_send_message(r, 2, 0, 0, 0, 0);
    do {
        UNTIL(&f->actors, remote_has_message(r));
        ck_assert(!r->ended);
        id = r->bytes[4];
        remote_drop(r, 4 + get_be32(r->bytes));
    } while (id != 1);
}

/* The next message to R must be this block. */
static inline void expect_block(struct fixture *f, struct remote *r, uint32_t piece, uint32_t begin,
                                uint32_t length)
{
    UNTIL(&f->actors, remote_has(r, 13 + length));
    ck_assert(!r->ended);
    ck_assert_uint_eq(get_be32(r->bytes), 9 + length);
    ck_assert_uint_eq(r->bytes[4], 7);
    ck_assert_uint_eq(get_be32(r->bytes + 5), piece);
    ck_assert_uint_eq(get_be32(r->bytes + 9), begin);
    ck_assert_mem_eq(r->bytes + 13, f->actors.content + piece * PIECE_LENGTH + begin, length);
    remote_drop(r, 13 + length);
}

static inline void expect_over(struct fixture *f, struct remote *r)
{
    UNTIL(&f->actors, remote_is_over(r));
    remote_close(r);
}

/* A socket that listens on loopback, for the Lobby to dial. */
static inline int listening(struct addr *a)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t size = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    getsockname(fd, (struct sockaddr *)&in, &size);
    *a = addr_from_sockaddr((struct sockaddr *)&in);
    return fd;
}

static inline void peers_found(struct fixture *f, const struct addr *a)
{
    struct lobby_peers_found *m = lobby_new_peers_found_with(sizeof *a);

    m->swarm = &f->actors.swarm;
    m->source = PEER_SOURCE_TRACKER;
    m->n_addrs = 1;
    m->addrs[0] = *a;
    ck_assert(lobby_tell_peers_found(lobby_inbox(f->lobby), m));
}

/* FROM sends the block of our next request; false when there is no request. */
static inline bool answer_request(struct fixture *f, struct remote *from)
{
    uint32_t n;

    while (remote_has_message(from) && !from->ended) {
        n = 4 + get_be32(from->bytes);
        if (n == 17 && from->bytes[4] == 6) {
            remote_send_block(from, &f->actors, get_be32(from->bytes + 5),
                              get_be32(from->bytes + 9), get_be32(from->bytes + 13));
            remote_drop(from, n);
            return true;
        }
        remote_drop(from, n);
    }
    return false;
}

/* The I-th peer id; valid until the next call. */
static inline const char *id_of(unsigned i)
{
    static char id[21];

    snprintf(id, sizeof id, "-XX0000-%012u", i);
    return id;
}

static inline bool took(int listen_fd, struct remote *r)
{
    *r = (struct remote){.fd = accept(listen_fd, NULL, NULL)};
    return r->fd >= 0;
}

static inline void ban(struct fixture *f, const struct addr *a)
{
    struct lobby_ban *m = lobby_new_ban();

    m->swarm = &f->actors.swarm;
    m->addr = *a;
    ck_assert(lobby_tell_ban(lobby_inbox(f->lobby), m));
}

#endif
