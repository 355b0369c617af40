/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_ACTORS_FS_FS_WORLD_H
#define CONJURE_TESTS_ACTORS_FS_FS_WORLD_H

#include "../../fs/sample.h"

#include <errno.h>

#include "conjure/actors/fs.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/clock.h"
#include "conjure/fs/storage.h"

/* FS with real threads; the test has the inboxes of Master, Lobby, InterestStat and a peer, all on
 * one waker. */
struct world {
    struct sample sample;
    struct swarm swarm;
    struct torrent torrent;
    struct waker waker;
    struct master_inbox master;
    struct lobby_inbox lobby;
    struct peer_inbox {
        struct channel channel;
    } peer;
    struct fs *fs;
    struct storage *storage;
    bool trusting; /* for OpenTorrent */
    struct bitfield completed;
    uint64_t stored[64]; /* of each piece, as InterestStat learned it */
    uint32_t n_failed, n_banned;
};

static const struct addr honest = {.ip = {10, 0, 0, 1}, .port = 1, .family = AF_INET};
static const struct addr liar = {.ip = {10, 0, 0, 2}, .port = 2, .family = AF_INET};

static inline struct msg *wait_at(struct channel *c)
{
    struct msg *m = NULL;
    uint64_t end = clock_now() + 20 * NS_PER_S;

    while (!m && clock_now() < end)
        m = channel_receive_wait(c, 100 * NS_PER_MS);
    ck_assert_ptr_nonnull(m);
    return m;
}

/* The next message to Master of this kind; others are progress. */
static inline struct msg *wait_master(struct world *w, uint16_t kind)
{
    for (;;) {
        struct msg *m = wait_at(&w->master.channel);

        if (m->kind == kind)
            return m;
        ck_assert_uint_eq(m->kind, master_kind_check_progress);
        msg_free(m);
    }
}

static inline void world_start(struct world *w)
{
    waker_init_futex(&w->waker);
    channel_init(&w->master.channel, &w->waker);
    channel_init(&w->lobby.channel, &w->waker);
    channel_init(&w->peer.channel, &w->waker);
    channel_init(&w->torrent.interest.channel, &w->waker);
    w->torrent.swarm = &w->swarm;
    w->torrent.meta = w->sample.meta;
    w->torrent.dir = w->sample.dir;
    w->torrent.resume_path = w->sample.resume;
    ck_assert_int_eq(bitfield_init(&w->completed, w->sample.n_pieces), 0);
    w->fs = fs_start(&w->master, &w->lobby, 2, 8);
    ck_assert_ptr_nonnull(w->fs);
}

static inline struct fs_open_torrent *world_open(struct world *w)
{
    struct fs_open_torrent *m = fs_new_open_torrent();

    m->torrent = &w->torrent;
    m->trusting = w->trusting;
    m->msg.reply_to = &w->master.channel;
    ck_assert(channel_send(&fs_inbox(w->fs)->channel, &m->msg));
    ck_assert_ptr_eq(wait_master(w, fs_kind_open_torrent), m);
    w->storage = m->storage;
    return m;
}

static inline void expect_opened(struct world *w, uint32_t n_have, uint32_t n_doubtful)
{
    struct fs_open_torrent *m = world_open(w);

    ck_assert_msg(m->error == 0, "%s", m->reason);
    ck_assert_uint_eq(m->have.n_set, n_have);
    ck_assert_uint_eq(m->n_doubtful, n_doubtful);
    bitfield_deinit(&m->have);
    stored_blocks_deinit(&m->stored);
    msg_free(&m->msg);
}

static inline void world_close(struct world *w)
{
    struct fs_close_torrent *m = fs_new_close_torrent();

    m->storage = w->storage;
    m->msg.reply_to = &w->master.channel;
    ck_assert(channel_send(&fs_inbox(w->fs)->channel, &m->msg));
    ck_assert_ptr_eq(wait_master(w, fs_kind_close_torrent), m);
    ck_assert_int_eq(m->error, 0);
    msg_free(&m->msg);
}

static inline void world_end(struct world *w)
{
    struct fs_shutdown *m = fs_new_shutdown();

    m->msg.reply_to = &w->master.channel;
    ck_assert(channel_send(&fs_inbox(w->fs)->channel, &m->msg));
    ck_assert_ptr_eq(wait_master(w, fs_kind_shutdown), m);
    msg_free(&m->msg);
    fs_join(w->fs);
    bitfield_deinit(&w->completed);
    waker_deinit(&w->waker);
    sample_free(&w->sample);
}

/* Sends blocks [first, first + n) of PIECE. */
static inline void send_blocks(struct world *w, uint32_t piece, uint32_t first, uint32_t n,
                               const struct addr *from, enum bytes bytes)
{
    struct fs_store_blocks *m = fs_new_store_blocks();
    uint64_t at = (uint64_t)piece * w->sample.piece_length + (uint64_t)first * BLOCK_SIZE;
    uint64_t left = w->sample.length - at;

    m->storage = w->storage;
    m->piece = piece;
    m->first_block = first;
    m->n_blocks = n;
    m->claim = piece;
    m->blocks = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
    m->from = *from;
    m->data = calloc(CLAIM_BLOCKS_MAX, BLOCK_SIZE);
    memcpy(m->data, w->sample.content + at,
           left < (uint64_t)n * BLOCK_SIZE ? left : (uint64_t)n * BLOCK_SIZE);
    if (bytes == WRONG_BYTES)
        m->data[5] ^= 1;
    m->msg.reply_to = &w->peer.channel;
    ck_assert(channel_send(&fs_inbox(w->fs)->channel, &m->msg));
}

static inline void receive_stored(struct world *w, int error)
{
    struct fs_store_blocks *m = (struct fs_store_blocks *)wait_at(&w->peer.channel);

    ck_assert_uint_eq(m->msg.kind, fs_kind_store_blocks);
    ck_assert_int_eq(m->error, error);
    free(m->data);
    msg_free(&m->msg);
}

static inline uint32_t n_blocks_of(const struct world *w, uint32_t piece)
{
    return geometry_n_blocks(metainfo_geometry(w->sample.meta), piece);
}

/* Receives a BlocksStored; false: the next message, a verdict, is *VERDICTP. */
static inline bool next_stored(struct world *w, struct msg **verdictp)
{
    struct msg *m = wait_at(&w->torrent.interest.channel);
    struct interest_blocks_stored *stored = (struct interest_blocks_stored *)m;

    if (m->kind != interest_kind_blocks_stored) {
        *verdictp = m;
        return false;
    }
    ck_assert_uint_ne(stored->blocks, 0);
    ck_assert_uint_eq(stored->claim, stored->piece);
    w->stored[stored->piece] |= stored->blocks << stored->first_block;
    msg_free(m);
    return true;
}

/* Every block of the piece was booked before. */
static inline void receive_verdict(struct world *w)
{
    struct interest_piece_completed *completed;
    struct interest_piece_failed *failed;
    struct msg *m;
    uint32_t piece;

    while (next_stored(w, &m))
        ;
    completed = (struct interest_piece_completed *)m;
    failed = (struct interest_piece_failed *)m;
    if (m->kind == interest_kind_piece_completed) {
        piece = completed->piece;
        ck_assert(bitfield_set(&w->completed, piece));
    } else {
        piece = failed->piece;
        w->n_failed++;
    }
    ck_assert_uint_eq(w->stored[piece], (UINT64_C(1) << n_blocks_of(w, piece)) - 1);
    w->stored[piece] = 0;
    msg_free(m);
}

static inline void make_two_files(struct world *w)
{
    static const struct sample_file files[] = {{"a", 700000}, {"sub/b", 1234567}, {"empty", 0}};
    struct rng rng;

    *w = (struct world){0};
    rng_seed(&rng, 3);
    sample_make(&w->sample, &rng, 65536, files, 3);
    world_start(w);
}

static inline void download_all(struct world *w)
{
    uint32_t n = w->sample.n_pieces;

    for (uint32_t piece = 0; piece < n; piece++)
        send_blocks(w, piece, 0, n_blocks_of(w, piece), &honest, GOOD_BYTES);
    for (uint32_t piece = 0; piece < n; piece++)
        receive_stored(w, 0);
    while (!bitfield_all(&w->completed))
        receive_verdict(w);
}

#endif
