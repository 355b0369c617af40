/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_ACTORS_LOBBY_HALL_H
#define CONJURE_TESTS_ACTORS_LOBBY_HALL_H

#include "../lobby_world.h"

#include <netinet/tcp.h>

#include "conjure/actors/lobby.h"

/* Lobby and the threads of its peers are real, and so are the sockets. */
struct hall {
    struct world world;
    struct lobby *lobby;
    uint16_t port;
    bool listed;
};

static inline void hall_begin(struct hall *h, unsigned max_peers)
{
    struct world *w = &h->world;
    struct lobby_options o = {.max_peers = max_peers,
                              .timer = &w->timer,
                              .announcer = &w->announcer,
                              .choker = &w->choker,
                              .fs = &w->fs,
                              .bandwidth = &w->bandwidth};

    world_init(w);
    ck_assert_int_eq(lobby_listen(0, &o.listen_fd, &h->port), 0);
    h->lobby = lobby_new();
    ck_assert_int_eq(lobby_run(h->lobby, &o), 0);
}

/* With the first N_HAVE pieces verified. When that is all there is no InterestStat. */
static inline void hall_add(struct hall *h, unsigned n_have)
{
    struct lobby_torrent_added *m = lobby_new_torrent_added();

    m->torrent = &h->world.torrent;
    ck_assert_int_eq(bitfield_init(&m->have, N_PIECES), 0);
    for (unsigned i = 0; i < n_have; i++)
        bitfield_set(&m->have, i);
    if (n_have == N_PIECES)
        channel_close(&h->world.torrent.interest.channel);
    ck_assert(lobby_tell_torrent_added(lobby_inbox(h->lobby), m));
    UNTIL(&h->world, h->world.after); /* it has heard of it: with a torrent it ticks */
    h->listed = true;
}

static inline void hall_ask_removal(struct hall *h)
{
    struct lobby_torrent_removed *m = lobby_new_torrent_removed();

    m->swarm = &h->world.swarm;
    ck_assert(master_ask_lobby_torrent_removed(&h->world.master, lobby_inbox(h->lobby), m));
    h->listed = false;
}

static inline void hall_end(struct hall *h)
{
    struct lobby_shutdown *m = lobby_new_shutdown();
    struct world *w = &h->world;

    world_release(w);
    if (h->listed) {
        hall_ask_removal(h);
        UNTIL(w, w->n_home == 1);
    }
    ck_assert(master_ask_lobby_shutdown(&w->master, lobby_inbox(h->lobby), m));
    UNTIL(w, w->n_home && w->home[w->n_home - 1] == &m->msg);
    while (w->n_home)
        msg_free(w->home[--w->n_home]);
    lobby_join(h->lobby);
    if (w->after)
        msg_free(&w->after->msg);
    world_deinit(w);
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

static inline void handshake(const struct hall *h, const char *id, bool fast, uint8_t bytes[68])
{
    struct handshake x = {.fast = fast};

    x.info_hash = *metainfo_info_hash(h->world.torrent.meta);
    memcpy(x.peer_id, id, 20);
    handshake_encode(&x, bytes);
}

static inline void read_handshake(struct hall *h, struct remote *r)
{
    UNTIL(&h->world, remote_has(r, 68));
    ck_assert(!r->ended);
    ck_assert_mem_eq(r->bytes + 28, metainfo_info_hash(h->world.torrent.meta)->bytes, 20);
    ck_assert_mem_eq(r->bytes + 48, h->world.swarm.peer_id, 20);
    remote_drop(r, 68);
}

/* Connects, shakes hands and takes the first message when there is one. */
static inline void join_as(struct hall *h, struct remote *r, const char *id, bool fast)
{
    uint8_t bytes[68];
    unsigned n = h->world.n_joined_choker;

    dial_from(r, h->port, "127.0.0.1");
    handshake(h, id, fast, bytes);
    remote_send(r, bytes, 68);
    read_handshake(h, r);
    UNTIL(&h->world, h->world.n_joined_choker == n + 1);
    if (fast) {
        UNTIL(&h->world, remote_has_message(r));
        remote_drop(r, 4 + get_be32(r->bytes));
    }
}

/* Says that it is interested, and reads until it is unchoked. */
static inline void become_interested(struct hall *h, struct remote *r)
{
    uint8_t id;

    remote_say(r, 2, 0, 0, 0, 0);
    do {
        UNTIL(&h->world, remote_has_message(r));
        ck_assert(!r->ended);
        id = r->bytes[4];
        remote_drop(r, 4 + get_be32(r->bytes));
    } while (id != 1);
}

/* The next that it hears must be this block. */
static inline void expect_block(struct hall *h, struct remote *r, uint32_t piece, uint32_t begin,
                                uint32_t length)
{
    UNTIL(&h->world, remote_has(r, 13 + length));
    ck_assert(!r->ended);
    ck_assert_uint_eq(get_be32(r->bytes), 9 + length);
    ck_assert_uint_eq(r->bytes[4], 7);
    ck_assert_uint_eq(get_be32(r->bytes + 5), piece);
    ck_assert_uint_eq(get_be32(r->bytes + 9), begin);
    ck_assert_mem_eq(r->bytes + 13, h->world.content + piece * PIECE_LENGTH + begin, length);
    remote_drop(r, 13 + length);
}

static inline void expect_over(struct hall *h, struct remote *r)
{
    UNTIL(&h->world, remote_is_over(r));
    remote_close(r);
}

/* A socket that listens on loopback, for Lobby to dial. */
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

static inline void peers_found(struct hall *h, const struct addr *a)
{
    struct lobby_peers_found *m = lobby_new_peers_found_with(sizeof *a);

    m->swarm = &h->world.swarm;
    m->n_addrs = 1;
    m->addrs[0] = *a;
    ck_assert(lobby_tell_peers_found(lobby_inbox(h->lobby), m));
}

static inline bool took(int listen_fd, struct remote *r)
{
    *r = (struct remote){.fd = accept(listen_fd, NULL, NULL)};
    return r->fd >= 0;
}

static inline void ban(struct hall *h, const struct addr *a)
{
    struct lobby_ban *m = lobby_new_ban();

    m->swarm = &h->world.swarm;
    m->addr = *a;
    ck_assert(lobby_tell_ban(lobby_inbox(h->lobby), m));
}

#endif
