/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_ACTORS_STUB_ACTORS_H
#define CONJURE_TESTS_ACTORS_STUB_ACTORS_H

#include "../suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conjure/actors/peer.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/alloc.h"
#include "conjure/base/bytes.h"
#include "conjure/base/clock.h"
#include "conjure/base/rng.h"
#include "conjure/peer/handshake.h"
#include "msg/all.h"

/*
 * Stubs of the actors around connections: Timer, Choker, FS, Bandwidth, Announcer, Master and
 * InterestStat. The test's only thread replies for all of them while it waits (UNTIL). Messages of
 * the kinds in `hold` are kept instead, until actors_release.
 */
#define PIECE_LENGTH 32768u
#define N_PIECES     64u
#define LENGTH       (N_PIECES * PIECE_LENGTH)
#define HELD_MAX     256
#define SEEN_MAX     4096

struct seen_peer {
    uint32_t id;
    struct peer_inbox *choker, *interest; /* its inbox, by PeerJoined; NULL: not joined */
    bool peer_interested, we_interested, is_seed, has_all;
    uint32_t n_got, n_lost, n_got_reports;
};

struct stub_actors {
    struct waker waker;
    struct timer_inbox timer;
    struct choker_inbox choker;
    struct fs_inbox fs;
    struct bandwidth_inbox bandwidth;
    struct announcer_inbox announcer;
    struct master_inbox master;

    struct rng rng;
    struct swarm swarm;
    struct torrent torrent;
    uint8_t *content;
    int content_fd;

    struct timer_after *after;
    uint64_t after_due_ns, tick_ns;

    struct seen_peer peers[SEEN_MAX];
    unsigned n_peers;                            /* all that ever joined Choker or InterestStat */
    unsigned n_joined_choker, n_joined_interest; /* now */

    bool unchoke;    /* Choker unchokes every interested peer */
    bool interested; /* we want what a joining peer has */
    uint32_t n_give; /* claims that NextPiece still grants, from next_piece on */
    uint32_t next_piece;
    uint64_t last_claim;
    struct {
        uint64_t id;
        uint64_t blocks; /* not stored yet */
        uint32_t peer;
    } claims[1024]; /* granted, and not stored or returned yet */
    unsigned n_claims;
    struct interest_next_piece *parked[64];
    unsigned n_parked;
    uint64_t stored_bytes;
    int store_error, lease_error;
    unsigned n_leases;                 /* lent and not returned */
    uint32_t grant;                    /* the most bytes that WantQuota grants; 0: no limit */
    uint64_t granted_up, granted_down; /* and not returned */
    uint64_t uploaded, downloaded;
    unsigned n_need_peers;
    unsigned n_began; /* Choker.Began received */
    uint32_t last_began;

    uint16_t hold[8];
    struct msg *held[HELD_MAX];
    unsigned n_held;
    struct msg *replies[16]; /* to Master's queries */
    unsigned n_replies;
};

static inline void actors_pump(struct stub_actors *w, uint64_t wait_ns);

#define UNTIL(w, condition)                                                             \
    do {                                                                                \
        uint64_t until_ = clock_now() + 20 * NS_PER_S;                                  \
        while (!(condition)) {                                                          \
            ck_assert_msg(clock_now() < until_, "not true after 20 s: %s", #condition); \
            actors_pump(w, NS_PER_MS);                                                  \
        }                                                                               \
    } while (0)

static inline void actors_pause(struct stub_actors *w, uint64_t ns)
{
    uint64_t end = clock_now() + ns;

    while (clock_now() < end)
        actors_pump(w, NS_PER_MS);
}

static inline void actors_init(struct stub_actors *w)
{
    static const char head[] =
        "d4:infod6:lengthi2097152e4:name1:t12:piece lengthi32768e6:pieces1280:";
    char bytes[sizeof head - 1 + 1280 + 2], reason[METAINFO_REASON_MAX];

    memset(w, 0, sizeof *w);
    rng_seed_from_kernel(&w->rng);
    waker_init_futex(&w->waker);
    channel_init(&w->timer.channel, &w->waker);
    channel_init(&w->choker.channel, &w->waker);
    channel_init(&w->fs.channel, &w->waker);
    channel_init(&w->bandwidth.channel, &w->waker);
    channel_init(&w->announcer.channel, &w->waker);
    channel_init(&w->master.channel, &w->waker);
    channel_init(&w->torrent.interest.channel, &w->waker);
    memcpy(bytes, head, sizeof head - 1);
    memset(bytes + sizeof head - 1, 'h', 1280);
    memcpy(bytes + sizeof head - 1 + 1280, "ee", 2);
    ck_assert_msg(!metainfo_parse((const uint8_t *)bytes, sizeof bytes, &w->torrent.meta, reason),
                  "%s", reason);
    w->torrent.geometry = (struct geometry){
        .total_length = LENGTH, .piece_length = PIECE_LENGTH, .n_pieces = N_PIECES};
    w->torrent.swarm = &w->swarm;
    w->swarm = (struct swarm){.info_hash = *metainfo_info_hash(w->torrent.meta),
                              .name = metainfo_name(w->torrent.meta)};
    memcpy(w->swarm.peer_id, "-CJ0000-mmmmmmmmmmmm", 20);
    w->content_fd = memfd_create("content", MFD_CLOEXEC);
    ck_assert_int_eq(ftruncate(w->content_fd, LENGTH), 0);
    w->content = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, w->content_fd, 0);
    ck_assert_ptr_ne(w->content, MAP_FAILED);
    for (uint32_t i = 0; i < LENGTH; i++)
        w->content[i] = (uint8_t)(i * 2654435761u >> 13 ^ i >> 14);
    w->tick_ns = 10 * NS_PER_MS;
    w->unchoke = w->interested = true;
}

static inline void actors_deinit(struct stub_actors *w)
{
    ck_assert_uint_eq(w->n_claims, 0);
    ck_assert_uint_eq(w->n_leases, 0);
    ck_assert_uint_eq(w->n_held, 0);
    ck_assert_uint_eq(w->n_parked, 0);
    ck_assert_uint_eq(w->n_joined_choker, 0);
    ck_assert_uint_eq(w->n_joined_interest, 0);
    munmap(w->content, LENGTH);
    close(w->content_fd);
    metainfo_free(w->torrent.meta);
}

static inline struct seen_peer *seen(struct stub_actors *w, uint32_t id)
{
    for (unsigned i = w->n_peers; i-- > 0;)
        if (w->peers[i].id == id && (w->peers[i].choker || w->peers[i].interest))
            return &w->peers[i];
    ck_assert_uint_lt(w->n_peers, SEEN_MAX);
    w->peers[w->n_peers] = (struct seen_peer){.id = id};
    return &w->peers[w->n_peers++];
}

static inline void actors_hold(struct stub_actors *w, uint16_t kind)
{
    for (unsigned i = 0; i < N_ELEMENTS(w->hold); i++)
        if (!w->hold[i]) {
            w->hold[i] = kind;
            return;
        }
    ck_abort_msg("too many kinds held");
}

/* --- Choker, Bandwidth, FS ------------------------------------------------------------------ */

static inline bool at_choker(struct stub_actors *w, struct msg *msg)
{
    switch (msg->kind) {
    case choker_kind_peer_joined: {
        struct choker_peer_joined *m = (void *)msg;

        seen(w, m->peer)->choker = m->inbox;
        w->n_joined_choker++;
        return true;
    }
    case choker_kind_peer_left: {
        struct seen_peer *p = seen(w, ((struct choker_peer_left *)msg)->peer);

        ck_assert_ptr_nonnull(p->choker);
        p->choker = NULL;
        w->n_joined_choker--;
        msg_reply(msg);
        return false;
    }
    case choker_kind_rates: {
        struct choker_rates *m = (void *)msg;

        ck_assert_ptr_nonnull(seen(w, m->peer)->choker);
        w->uploaded += m->uploaded;
        w->downloaded += m->downloaded;
        return true;
    }
    case choker_kind_interest_changed: {
        struct choker_interest_changed *m = (void *)msg;
        struct seen_peer *p = seen(w, m->peer);

        ck_assert_ptr_nonnull(p->choker);
        if (m->peer_interested && !p->peer_interested && w->unchoke)
            peer_tell_or_drop_unchoke(p->choker, peer_new_unchoke());
        p->peer_interested = m->peer_interested;
        p->we_interested = m->we_interested;
        p->is_seed = m->peer_is_seed;
        msg_reply(msg);
        return false;
    }
    case choker_kind_began: {
        struct choker_began *m = (void *)msg;

        w->n_began += m->pieces.n;
        w->last_began = m->pieces.pieces[m->pieces.n - 1];
        msg_reply(msg);
        return false;
    }
    default:
        ck_abort_msg("%s", msg_name(msg->kind));
    }
}

static inline bool at_bandwidth(struct stub_actors *w, struct msg *msg)
{
    switch (msg->kind) {
    case bandwidth_kind_want_quota: {
        struct bandwidth_want_quota *m = (void *)msg;

        ck_assert_uint_gt(m->n_bytes, 0);
        if (w->grant)
            m->n_granted = m->n_bytes < w->grant ? m->n_bytes : w->grant;
        else
            m->free_until_ns = UINT64_MAX;
        *(m->direction == DIRECTION_UP ? &w->granted_up : &w->granted_down) += m->n_granted;
        msg_reply(msg);
        return false;
    }
    case bandwidth_kind_return_quota: {
        struct bandwidth_return_quota *m = (void *)msg;
        uint64_t *granted = m->direction == DIRECTION_UP ? &w->granted_up : &w->granted_down;

        ck_assert_uint_ge(*granted, m->n_bytes);
        *granted -= m->n_bytes;
        return true;
    }
    case bandwidth_kind_peer_left:
        return true;
    default:
        ck_abort_msg("%s", msg_name(msg->kind));
    }
}

/* As InterestStat acts on BlocksStored from FS. */
static inline void blocks_stored(struct stub_actors *w, uint64_t claim, uint64_t blocks)
{
    unsigned i = 0;

    w->stored_bytes += (unsigned)__builtin_popcountll(blocks) * BLOCK_SIZE;
    while (i < w->n_claims && w->claims[i].id != claim)
        i++;
    ck_assert_msg(i < w->n_claims, "blocks of a claim that was returned");
    w->claims[i].blocks &= ~blocks;
    if (!w->claims[i].blocks)
        w->claims[i] = w->claims[--w->n_claims];
}

static inline bool at_fs(struct stub_actors *w, struct msg *msg)
{
    switch (msg->kind) {
    case fs_kind_store_blocks: {
        struct fs_store_blocks *m = (void *)msg;

        for (unsigned i = 0; i < m->n_blocks; i++) {
            if (!(m->blocks >> i & 1))
                continue;
            ck_assert_mem_eq(m->data + i * BLOCK_SIZE,
                             w->content + m->piece * PIECE_LENGTH +
                                 (m->first_block + i) * BLOCK_SIZE,
                             BLOCK_SIZE);
        }
        m->error = w->store_error;
        if (m->error)
            m->blocks = 0;
        blocks_stored(w, m->claim, m->blocks);
        msg_reply(msg);
        return false;
    }
    case fs_kind_lease_file: {
        struct fs_lease_file *m = (void *)msg;

        m->error = w->lease_error;
        if (!m->error) {
            m->handle = (void *)w; /* an opaque value */
            m->fd = w->content_fd;
            w->n_leases++;
        }
        msg_reply(msg);
        return false;
    }
    case fs_kind_return_lease:
        ck_assert_ptr_eq(((struct fs_return_lease *)msg)->handle, w);
        w->n_leases--;
        return true;
    default:
        ck_abort_msg("%s", msg_name(msg->kind));
    }
}

/* --- InterestStat --------------------------------------------------------------------------- */

static inline bool give_claim(struct stub_actors *w, struct interest_next_piece *m)
{
    if (!w->n_give)
        return false;
    w->n_give--;
    m->claim = (struct claim){.id = ++w->last_claim,
                              .blocks = m->n_blocks > 1 ? 3 : 1,
                              .piece = w->next_piece++ % N_PIECES,
                              .n_blocks = m->n_blocks > 1 ? 2 : 1};
    w->claims[w->n_claims].id = m->claim.id;
    w->claims[w->n_claims].blocks = m->claim.blocks;
    w->claims[w->n_claims++].peer = m->peer;
    msg_reply(&m->msg);
    return true;
}

static inline void retry_parked(struct stub_actors *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->n_parked; i++)
        if (!give_claim(w, w->parked[i]))
            w->parked[n++] = w->parked[i];
    w->n_parked = n;
}

static inline void claim_returned(struct stub_actors *w, const struct interest_claim_returned *m)
{
    unsigned i = 0;

    /* The peer may have left before it received the claim. */
    if (!seen(w, m->peer)->interest)
        return;
    while (i < w->n_claims && w->claims[i].id != m->claim)
        i++;
    ck_assert_msg(i < w->n_claims, "a claim is returned twice");
    w->claims[i] = w->claims[--w->n_claims];
}

static inline void peer_left_interest(struct stub_actors *w, struct interest_peer_left *m)
{
    struct seen_peer *p = seen(w, m->peer);
    unsigned n = 0;

    ck_assert_ptr_nonnull(p->interest);
    p->interest = NULL;
    w->n_joined_interest--;
    for (unsigned i = 0; i < w->n_claims;) {
        if (w->claims[i].peer == m->peer)
            w->claims[i] = w->claims[--w->n_claims];
        else
            i++;
    }
    for (unsigned i = 0; i < w->n_parked; i++) {
        if (w->parked[i]->peer == m->peer)
            msg_reply(&w->parked[i]->msg);
        else
            w->parked[n++] = w->parked[i];
    }
    w->n_parked = n;
    msg_reply(&m->msg);
}

static inline void peer_joined_interest(struct stub_actors *w, struct interest_peer_joined *m)
{
    struct seen_peer *p = seen(w, m->peer);

    ck_assert_ptr_null(p->interest);
    p->interest = m->inbox;
    p->has_all = m->has_all;
    p->n_got += m->has.n_set;
    bitfield_deinit(&m->has);
    w->n_joined_interest++;
    if (w->interested && (p->n_got || p->has_all)) {
        struct peer_interest *i = peer_new_interest();

        i->interested = true;
        peer_tell_or_drop_interest(p->interest, i);
    }
}

static inline bool at_interest(struct stub_actors *w, struct msg *msg)
{
    switch (msg->kind) {
    case interest_kind_have_piece:
        ((struct interest_have_piece *)msg)->have = true;
        msg_reply(msg);
        return false;
    case interest_kind_next_piece:
        if (!seen(w, ((struct interest_next_piece *)msg)->peer)->interest)
            msg_reply(msg);
        else if (!give_claim(w, (void *)msg))
            w->parked[w->n_parked++] = (void *)msg;
        return false;
    case interest_kind_requested_from_seeder:
    case interest_kind_requested_from_leecher:
        return true;
    case interest_kind_peer_joined:
        peer_joined_interest(w, (void *)msg);
        return true;
    case interest_kind_peer_left:
        peer_left_interest(w, (void *)msg);
        return false;
    case interest_kind_peer_got_piece: {
        struct interest_peer_got_piece *m = (void *)msg;
        struct seen_peer *p = seen(w, m->peer);

        p->n_got += m->pieces.n + m->has.n_set;
        p->has_all |= m->has_all;
        p->n_got_reports++;
        msg_reply(msg);
        return false;
    }
    case interest_kind_peer_lost_piece: {
        struct interest_peer_lost_piece *m = (void *)msg;

        seen(w, m->peer)->n_lost += m->pieces.n;
        msg_reply(msg);
        return false;
    }
    case interest_kind_piece_suggested:
    case interest_kind_peer_not_interested:
        msg_reply(msg);
        return false;
    case interest_kind_claim_returned:
        claim_returned(w, (void *)msg);
        return true;
    default:
        ck_abort_msg("%s", msg_name(msg->kind));
    }
}

/* --- all of them ---------------------------------------------------------------------------- */

static inline void actors_answer(struct stub_actors *w, struct msg *m)
{
    bool drop = false;

    switch (m->kind / MSG_KINDS_PER_INBOX) {
    case msg_inbox_choker:
        drop = at_choker(w, m);
        break;
    case msg_inbox_fs:
        drop = at_fs(w, m);
        break;
    case msg_inbox_bandwidth:
        drop = at_bandwidth(w, m);
        break;
    case msg_inbox_interest:
        drop = at_interest(w, m);
        break;
    case msg_inbox_announcer:
        w->n_need_peers++;
        drop = true;
        break;
    case msg_inbox_timer:
        w->after = (void *)m;
        w->after_due_ns = clock_now() + w->tick_ns;
        break;
    default: /* a reply to Master */
        ck_assert_uint_lt(w->n_replies, N_ELEMENTS(w->replies));
        w->replies[w->n_replies++] = m;
        break;
    }
    if (drop)
        msg_free(m);
}

static inline void actors_take(struct stub_actors *w, struct channel *c)
{
    struct msg *m;

    while ((m = channel_receive(c))) {
        bool held = false;

        for (unsigned i = 0; i < N_ELEMENTS(w->hold); i++)
            held |= w->hold[i] == m->kind;
        if (held) {
            ck_assert_uint_lt(w->n_held, HELD_MAX);
            w->held[w->n_held++] = m;
        } else {
            actors_answer(w, m);
        }
    }
}

static inline void actors_release(struct stub_actors *w)
{
    memset(w->hold, 0, sizeof w->hold);
    for (unsigned i = 0; i < w->n_held; i++)
        actors_answer(w, w->held[i]);
    w->n_held = 0;
}

static inline void actors_take_all(struct stub_actors *w)
{
    /* A peer joins InterestStat before it sends to FS or Choker: receive in the same order. */
    actors_take(w, &w->torrent.interest.channel);
    actors_take(w, &w->choker.channel);
    actors_take(w, &w->fs.channel);
    actors_take(w, &w->bandwidth.channel);
    actors_take(w, &w->announcer.channel);
    actors_take(w, &w->master.channel);
    actors_take(w, &w->timer.channel);
    retry_parked(w);
    if (w->after && clock_now() >= w->after_due_ns) {
        struct msg *m = &w->after->msg;

        w->after = NULL;
        msg_reply(m);
    }
}

static inline void actors_pump(struct stub_actors *w, uint64_t wait_ns)
{
    actors_take_all(w);
    waker_arm(&w->waker);
    if (channel_is_empty(&w->torrent.interest.channel) && channel_is_empty(&w->choker.channel) &&
        channel_is_empty(&w->fs.channel) && channel_is_empty(&w->bandwidth.channel) &&
        channel_is_empty(&w->master.channel) && channel_is_empty(&w->timer.channel))
        waker_wait(&w->waker, wait_ns);
    waker_disarm(&w->waker);
    actors_take_all(w);
}

/* --- the far end ---------------------------------------------------------------------------- */

struct remote {
    int fd;
    uint8_t bytes[1 << 17];
    size_t n;
    bool ended;
};

static inline void remote_pull(struct remote *r)
{
    ssize_t n = recv(r->fd, r->bytes + r->n, sizeof r->bytes - r->n, MSG_DONTWAIT);

    if (n > 0)
        r->n += (size_t)n;
    else if (!n || (errno != EAGAIN && errno != EINTR))
        r->ended = true;
}

static inline void remote_drop(struct remote *r, size_t n)
{
    memmove(r->bytes, r->bytes + n, r->n - n);
    r->n -= n;
}

static inline bool remote_has(struct remote *r, size_t n)
{
    if (r->n < n)
        remote_pull(r);
    return r->n >= n || r->ended;
}

/* Whether a whole message has been received, or the far end has closed. */
static inline bool remote_has_message(struct remote *r)
{
    if (r->n < 4 || r->n < 4 + get_be32(r->bytes))
        remote_pull(r);
    return (r->n >= 4 && r->n >= 4 + get_be32(r->bytes)) || r->ended;
}

static inline bool remote_is_over(struct remote *r)
{
    r->n = 0;
    remote_pull(r);
    return r->ended;
}

static inline void remote_send(struct remote *r, const void *bytes, size_t n)
{
    ck_assert_int_eq(send(r->fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* ID and up to three numbers. */
static inline void remote_send_message(struct remote *r, uint8_t id, unsigned n, uint32_t a,
                                       uint32_t b, uint32_t c)
{
    uint8_t bytes[17], *p = put_be32(bytes, 1 + 4 * n);

    *p++ = id;
    put_be32(put_be32(put_be32(p, a), b), c);
    remote_send(r, bytes, 5 + 4 * (size_t)n);
}

static inline void remote_send_block(struct remote *r, const struct stub_actors *w, uint32_t piece,
                                     uint32_t begin, uint32_t length)
{
    uint8_t bytes[13 + BLOCK_SIZE], *p = put_be32(bytes, 9 + length);

    *p++ = 7;
    memcpy(put_be32(put_be32(p, piece), begin), w->content + piece * PIECE_LENGTH + begin, length);
    remote_send(r, bytes, 13 + length);
}

static inline void remote_close(struct remote *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

#endif
