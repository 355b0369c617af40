/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_ACTORS_PEER_PAIR_H
#define CONJURE_TESTS_ACTORS_PEER_PAIR_H

#include "../stub_actors.h"

#include "actors/peer/events.h"
#include "actors/peer/internal.h"

/*
 * One peer on a socket pair, and stubs of the actors around it. The test drives the peer as its
 * thread would, and sets the time.
 */
#define PEER_ID 7

struct pair {
    struct stub_actors actors;
    struct lobby_inbox lobby;
    struct peer_env env;
    struct credits buffers;
    struct peer *p;
    struct remote far;
    struct session_scratch scratch;
    uint64_t now;
};
static struct pair x;

enum role {
    LEECHING,
    SEEDING, /* we have everything, and InterestStat has ended */
};

static inline void begin(enum role role)
{
    struct peer_options options = {
        .addr.family = AF_INET, .id = PEER_ID, .fast = true, .seeding = role == SEEDING};
    struct stream stream;
    int fds[2];

    actors_init(&x.actors);
    channel_init(&x.lobby.channel, &x.actors.waker);
    x.now = clock_now();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    x.far = (struct remote){.fd = fds[1]};
    x.env = (struct peer_env){.lobby = &x.lobby,
                              .choker = &x.actors.choker,
                              .fs = &x.actors.fs,
                              .bandwidth = &x.actors.bandwidth,
                              .buffers = &x.buffers};
    credits_init(&x.buffers, PEER_BUFFERS_MAX);
    ck_assert_int_eq(session_scratch_init(&x.scratch), 0);
    if (role == SEEDING)
        channel_close(&x.actors.torrent.interest.channel);
    stream_init_tcp(&stream, fds[0]);
    x.p = peer_new(&x.env, &x.actors.torrent, &stream, &options, x.now);
    peer_work_begin(x.p, x.now);
}

/* Receives all messages that have been sent, and replies to them. */
static inline void settle(void)
{
    actors_pump(&x.actors, 0);
    peer_receive_all(x.p);
    actors_pump(&x.actors, 0);
}

/* Drives the peer until nothing moves any more. 0, or the error that ends the connection. */
static inline int turn(void)
{
    for (unsigned i = 0; i < 20; i++) {
        int r;

        actors_pump(&x.actors, 0);
        peer_receive_all(x.p);
        if (x.p->must_close)
            return -ECANCELED;
        if (x.p->events_due && (r = peer_take_events(x.p, &x.scratch, x.now)))
            return r;
        if ((r = peer_read(x.p, &x.scratch, x.now)))
            return r;
        peer_download_ask(x.p, x.now);
        if (peer_serve(x.p, x.now) < 0)
            return -EPIPE;
    }
    return 0;
}

/* As its thread does at the end, and then the Lobby. */
static inline void close_peer(void)
{
    if (x.p->work)
        peer_work_end(x.p);
    peer_close(x.p);
}

static inline void finish_close(void)
{
    while (!peer_continue_close(x.p))
        settle();
}

static inline void end(void)
{
    if (x.p->state != PEER_CLOSING)
        close_peer();
    finish_close();
    while (channel_receive(&x.lobby.channel)) /* Mail: embedded */
        ;
    ck_assert_uint_eq(x.p->n_stores, 0);
    ck_assert_uint_eq(x.p->n_next_piece, 0);
    ck_assert_uint_eq(x.p->n_blocks_asked, 0);
    ck_assert_int_eq(credits_left(&x.buffers), PEER_BUFFERS_MAX);
    peer_free(x.p);
    session_scratch_deinit(&x.scratch);
    remote_close(&x.far);
    actors_take_all(&x.actors);
    actors_deinit(&x.actors);
}

/* As the Lobby does before the first event. */
static inline void join_choker(void)
{
    struct choker_peer_joined *m = choker_new_peer_joined();

    m->peer = x.p->id;
    m->torrent = &x.actors.torrent;
    m->inbox = &x.p->inbox;
    x.p->joined_choker = choker_tell_peer_joined(&x.actors.choker, m);
}

static inline void send_completed(const struct bitfield *have)
{
    struct peer_completed *m = peer_new_completed();

    m->have = have;
    ck_assert(peer_tell_completed(&x.p->inbox, m));
}

/* --- the far end ---------------------------------------------------------------------------- */

static inline void far_is_a_seed(void)
{
    remote_send_message(&x.far, 14, 0, 0, 0, 0);
    remote_send_message(&x.far, 1, 0, 0, 0, 0);
}

/* The far end sends an extension handshake with upload_only (BEP 21). */
static inline void far_is_upload_only(void)
{
    session_set_extensions(&x.p->session, &extensions_ours, x.p->torrent->swarm->is_private);
    remote_send(&x.far, "\0\0\0\x15\x14\0d11:upload_onlyi1ee", 25);
}

/* The next request that the far end received; false when there is none. */
static inline bool next_request(uint32_t *piecep, uint32_t *beginp)
{
    while (remote_has_message(&x.far)) {
        uint8_t id = x.far.bytes[4];

        *piecep = get_be32(x.far.bytes + 5);
        *beginp = get_be32(x.far.bytes + 9);
        remote_drop(&x.far, 4 + get_be32(x.far.bytes));
        if (id == 6)
            return true;
    }
    return false;
}

/* Checks that the message at x.far.bytes + FROM is this block; returns the message's length. */
static inline uint32_t check_block(uint32_t piece, uint32_t at, uint32_t length, uint32_t from)
{
    const uint8_t *m = x.far.bytes + from;

    ck_assert_uint_eq(get_be32(m), 9 + length);
    ck_assert_uint_eq(m[4], 7);
    ck_assert_uint_eq(get_be32(m + 5), piece);
    ck_assert_uint_eq(get_be32(m + 9), at);
    ck_assert_mem_eq(m + 13, x.actors.content + piece * x.actors.torrent.geometry.piece_length + at,
                     length);
    return 13 + length;
}

/* The kernel's smallest buffer: what does not fit waits in the peer. */
static inline void shrink_send_buffer(void)
{
    int small = 1;

    ck_assert_int_eq(
        setsockopt(stream_fd(&x.p->stream), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
}

#endif
