/* SPDX-License-Identifier: MIT */
/*
 * A piece is offered to one peer, and to no other peer while that offer holds it. The offer ends
 * when another peer has the piece: the first peer has passed it on, and is offered another piece. A
 * peer that passes nothing on gets no more offers. A new offer is a random free piece
 * (free_pieces.h).
 *
 * THE NUMBER OF OFFERS that a peer has at a time keeps the uplink busy while pieces are passed on;
 * it is shared among the leechers, and at least two. A single leecher cannot pass pieces on, so its
 * offers end when it has the piece.
 *
 * NO PEER CAN BLOCK A PIECE. An offer that the peer does not request for TAKE_NS (it is choked, or
 * busy), or does not pass on for PASS_ON_NS, releases its piece, which is then free. When a peer
 * leaves, the pieces that only it had become free.
 *
 * THE END. When all pieces are offered, no offer is made until peers pass some on. Super-seeding is
 * over when another copy exists. That a peer says so is no proof, since saying so costs nothing. A
 * copy is assumed when a peer has every piece and either
 *   - each piece was requested from us at least once: then our part is done, whoever has them; or
 *   - a peer of another network (24 bits of IPv4, 48 of IPv6, of the same family) had every piece,
 *     too: a single stranger seldom has two.
 * A peer that announces every piece at once is a seed, or a liar: no offer of another peer ends by
 * that. Super-seeding is also over when no peer gets a new piece for STALL_NS: the peers cannot
 * reach each other, or do not upload, and an ordinary seed serves them better.
 */
#include "conjure/interest/super_seed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "conjure/base/addr.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/id_map.h"
#include "interest/free_pieces.h"

#define OFFERS_MIN   2
#define OFFERS_MAX   16
#define OFFERS_BYTES (8u << 20) /* to all peers together */

#define TAKE_NS (5 * NS_PER_S) /* from an offer to the first request */
/* The next two are extended by the time that a piece takes at SLOW_BYTES_PER_S. */
#define PASS_ON_NS       (20 * NS_PER_S) /* from the first request until another peer has it */
#define STALL_NS         (60 * NS_PER_S) /* in which no peer gets anything new */
#define SLOW_BYTES_PER_S (16u << 10)

struct offer {
    uint32_t piece;
    bool taken;    /* requested */
    bool released; /* does not hold the piece any more */
    uint64_t since_ns;
};

struct super_peer {
    uint32_t id;
    uint32_t at; /* index in super_seed.peers */
    void *user;
    uint64_t host;
    bool is_complete;        /* it has everything, as it says */
    struct bitfield has;     /* as far as we know; not filled in when it announced all at once */
    struct bitfield offered; /* ever */
    struct bitfield taken;   /* requested, ever */
    uint32_t *unseen;        /* those of `taken` since the peer was last not interested */
    size_t n_unseen, unseen_room;
    uint32_t n_offers;
    struct offer offers[OFFERS_MAX];
};

struct super_seed {
    struct rng *rng;
    uint32_t n_pieces, piece_length;
    uint64_t piece_ns; /* how long a slow peer takes for a piece */
    struct free_pieces pieces;

    struct super_peer **peers;
    size_t n_peers, peers_room;
    uint32_t n_complete; /* peers that have everything */
    struct id_map by_id;

    uint64_t progress_ns; /* last time that a peer got a piece, requested one, or joined */
    bool stalled;
    bool has_copy;             /* a copy was assumed; its peer may have left since */
    struct bitfield requested; /* pieces, of us, by any peer */
    uint64_t complete_in[2];   /* networks: of the first complete peer by IPv4 and by IPv6 */

    struct super_seed_offer *queue; /* [queue_at, n_queue) are waiting */
    size_t queue_at, n_queue, queue_room;
};

struct super_seed *super_seed_new(uint32_t n_pieces, uint32_t piece_length, struct rng *rng,
                                  uint64_t now)
{
    struct super_seed *s = NEW(struct super_seed);

    s->rng = rng;
    s->n_pieces = n_pieces;
    s->piece_length = piece_length;
    s->piece_ns = (uint64_t)piece_length * NS_PER_S / SLOW_BYTES_PER_S;
    s->progress_ns = now;
    if (bitfield_init(&s->requested, n_pieces) || free_pieces_init(&s->pieces, n_pieces)) {
        bitfield_deinit(&s->requested);
        free(s);
        return NULL;
    }
    return s;
}

static void peer_free(struct super_peer *p)
{
    bitfield_deinit(&p->has);
    bitfield_deinit(&p->offered);
    bitfield_deinit(&p->taken);
    free(p->unseen);
    free(p);
}

void super_seed_free(struct super_seed *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_peers; i++)
        peer_free(s->peers[i]);
    free(s->peers);
    id_map_deinit(&s->by_id);
    bitfield_deinit(&s->requested);
    free_pieces_deinit(&s->pieces);
    free(s->queue);
    free(s);
}

/* --- offers -------------------------------------------------------------------------------- */

static uint32_t n_leechers(const struct super_seed *s)
{
    return (uint32_t)s->n_peers - s->n_complete;
}

static uint32_t offers_max(const struct super_seed *s)
{
    uint64_t n = OFFERS_BYTES / ((uint64_t)s->piece_length * (n_leechers(s) ? n_leechers(s) : 1));

    return n < OFFERS_MIN ? OFFERS_MIN : n > OFFERS_MAX ? OFFERS_MAX : (uint32_t)n;
}

static void queue_offer(struct super_seed *s, const struct super_peer *p, uint32_t piece)
{
    if (s->queue_at == s->n_queue)
        s->queue_at = s->n_queue = 0;
    mem_reserve(&s->queue, &s->queue_room, s->n_queue + 1, sizeof *s->queue);
    s->queue[s->n_queue++] = (struct super_seed_offer){p->id, p->user, piece};
}

/* Fills P's offers. Few free pieces were offered to P before: only those that its offers
 * released. */
static void offer(struct super_seed *s, struct super_peer *p, uint64_t now)
{
    uint32_t max = offers_max(s), piece;

    while (p->n_offers < max && !p->is_complete &&
           (piece = free_pieces_pick(&s->pieces, &p->offered, s->rng)) != FREE_PIECE_NONE) {
        p->offers[p->n_offers++] = (struct offer){.piece = piece, .since_ns = now};
        bitfield_set(&p->offered, piece);
        free_pieces_begin_offer(&s->pieces, piece);
        queue_offer(s, p, piece);
    }
}

static void offer_all(struct super_seed *s, uint64_t now)
{
    for (size_t i = 0; i < s->n_peers && s->pieces.n_free; i++)
        offer(s, s->peers[i], now);
}

static void release_piece(struct super_seed *s, struct offer *o)
{
    if (!o->released)
        free_pieces_release(&s->pieces, o->piece);
    o->released = true;
}

static void end_offer(struct super_seed *s, struct super_peer *p, uint32_t i)
{
    release_piece(s, &p->offers[i]);
    free_pieces_end_offer(&s->pieces, p->offers[i].piece);
    p->offers[i] = p->offers[--p->n_offers];
}

static void end_offer_of(struct super_seed *s, struct super_peer *p, uint32_t piece)
{
    for (uint32_t i = p->n_offers; i--;)
        if (p->offers[i].piece == piece)
            end_offer(s, p, i);
}

static void end_offers_of_others(struct super_seed *s, const struct super_peer *p, uint32_t piece,
                                 uint64_t now)
{
    uint32_t n_own = 0;

    for (uint32_t i = 0; i < p->n_offers; i++)
        n_own += p->offers[i].piece == piece;
    for (size_t i = 0; i < s->n_peers && s->pieces.n_offers[piece] > n_own; i++) {
        struct super_peer *from = s->peers[i];

        if (from == p)
            continue;
        end_offer_of(s, from, piece);
        offer(s, from, now);
    }
}

/* P has everything, as it says: its own offers end. */
static void note_complete(struct super_seed *s, struct super_peer *p)
{
    uint64_t network = addr_network_of(p->host);
    uint64_t *first = &s->complete_in[addr_host_is_ipv4(p->host)];

    if (p->is_complete)
        return;
    p->is_complete = true;
    s->n_complete++;
    while (p->n_offers)
        end_offer(s, p, p->n_offers - 1);
    if (!*first)
        *first = network;
    if (bitfield_all(&s->requested) || *first != network)
        s->has_copy = true;
}

/* Records that P has PIECE. False when that was known. */
static bool note_piece(struct super_seed *s, struct super_peer *p, uint32_t piece, uint64_t now)
{
    if (!bitfield_set(&p->has, piece))
        return false;
    free_pieces_peer_has(&s->pieces, piece);
    s->progress_ns = now;
    if (bitfield_all(&p->has))
        note_complete(s, p);
    return true;
}

/* P got PIECE: each peer to which it is offered has passed it on, and is offered another piece. */
static void got_piece(struct super_seed *s, struct super_peer *p, uint32_t piece, uint64_t now)
{
    if (!note_piece(s, p, piece, now))
        return;
    if (n_leechers(s) <= 1) {
        end_offer_of(s, p, piece);
        offer(s, p, now);
    }
    end_offers_of_others(s, p, piece, now);
}

/* --- peers --------------------------------------------------------------------------------- */

int super_seed_joined(struct super_seed *s, const struct super_seed_peer *peer,
                      const struct bitfield *has_set, bool has_all, uint64_t now)
{
    struct super_peer *p = NEW(struct super_peer);

    assert(!id_map_get(&s->by_id, peer->peer));
    *p = (struct super_peer){
        .id = peer->peer, .at = (uint32_t)s->n_peers, .user = peer->user, .host = peer->host};
    if (bitfield_init(&p->has, s->n_pieces) || bitfield_init(&p->offered, s->n_pieces) ||
        bitfield_init(&p->taken, s->n_pieces)) {
        peer_free(p);
        return -ENOMEM;
    }
    mem_reserve(&s->peers, &s->peers_room, s->n_peers + 1, sizeof(struct super_peer *));
    s->peers[s->n_peers++] = p;
    id_map_put(&s->by_id, peer->peer, p);
    /* Peers that come and go are no progress for the others. */
    if (n_leechers(s) == 1)
        s->progress_ns = now;
    if (has_all || (has_set->bytes && bitfield_all(has_set))) {
        note_complete(s, p);
        return 0;
    }
    for (uint32_t i = 0; has_set->bytes && i < s->n_pieces; i++)
        if (bitfield_test(has_set, i))
            note_piece(s, p, i, now);
    /* P has its pieces from peers that passed them on, or from an earlier connection. */
    for (uint32_t i = 0; p->has.n_set && i < s->n_pieces; i++)
        if (s->pieces.n_offers[i] && bitfield_test(&p->has, i))
            end_offers_of_others(s, p, i, now);
    offer(s, p, now);
    return 0;
}

void super_seed_left(struct super_seed *s, uint32_t peer)
{
    struct super_peer *p = id_map_remove(&s->by_id, peer);

    if (!p)
        return;
    while (p->n_offers)
        end_offer(s, p, p->n_offers - 1);
    s->n_complete -= p->is_complete;
    for (uint32_t i = 0; p->has.n_set && i < s->n_pieces; i++)
        if (bitfield_test(&p->has, i))
            free_pieces_peer_left(&s->pieces, i);
    s->peers[p->at] = s->peers[--s->n_peers];
    s->peers[p->at]->at = p->at;
    peer_free(p);
}

void super_seed_got_piece(struct super_seed *s, uint32_t peer, uint32_t piece, uint64_t now)
{
    struct super_peer *p = id_map_get(&s->by_id, peer);

    assert(piece < s->n_pieces);
    if (p)
        got_piece(s, p, piece, now);
}

void super_seed_got_pieces(struct super_seed *s, uint32_t peer, const struct bitfield *has,
                           uint64_t now)
{
    struct super_peer *p = id_map_get(&s->by_id, peer);

    assert(!has || has->n_bits == s->n_pieces);
    if (!p || p->is_complete)
        return;
    if (!has || bitfield_all(has)) {
        note_complete(s, p);
        return;
    }
    for (uint32_t i = 0; i < s->n_pieces; i++)
        if (bitfield_test(has, i))
            got_piece(s, p, i, now);
}

void super_seed_not_interested(struct super_seed *s, uint32_t peer, uint64_t now)
{
    struct super_peer *p = id_map_get(&s->by_id, peer);

    /* A peer stays interested until it has every piece that it has requested. An offer that it has
     * not requested may still be in transit. Each piece is looked at once, so repeated calls cost
     * nothing. */
    for (size_t i = 0; p && i < p->n_unseen; i++)
        got_piece(s, p, p->unseen[i], now);
    if (p)
        p->n_unseen = 0;
}

bool super_seed_requested(struct super_seed *s, uint32_t peer, uint32_t piece, uint64_t now)
{
    struct super_peer *p = id_map_get(&s->by_id, peer);

    if (!p || piece >= s->n_pieces || !bitfield_test(&p->offered, piece))
        return false;
    if (bitfield_set(&p->taken, piece)) {
        mem_reserve(&p->unseen, &p->unseen_room, p->n_unseen + 1, sizeof *p->unseen);
        p->unseen[p->n_unseen++] = piece;
    }
    bitfield_set(&s->requested, piece);
    for (uint32_t i = 0; i < p->n_offers; i++) {
        struct offer *o = &p->offers[i];

        if (o->piece == piece && !o->taken) {
            o->taken = true;
            o->since_ns = s->progress_ns = now;
        }
    }
    return true;
}

void super_seed_tick(struct super_seed *s, uint64_t now)
{
    for (size_t i = 0; i < s->n_peers; i++) {
        struct super_peer *p = s->peers[i];

        for (uint32_t k = 0; k < p->n_offers; k++) {
            struct offer *o = &p->offers[k];

            if (now - o->since_ns >= (o->taken ? PASS_ON_NS + s->piece_ns : TAKE_NS))
                release_piece(s, o);
        }
    }
    offer_all(s, now);
    if (!n_leechers(s))
        s->progress_ns = now;
    s->stalled = s->stalled || now - s->progress_ns >= STALL_NS + s->piece_ns;
}

/* --- results ------------------------------------------------------------------------------- */

bool super_seed_next(struct super_seed *s, struct super_seed_offer *offerp)
{
    if (s->queue_at == s->n_queue)
        return false;
    *offerp = s->queue[s->queue_at++];
    return true;
}

bool super_seed_has_copy(const struct super_seed *s)
{
    return s->has_copy;
}

bool super_seed_is_over(const struct super_seed *s)
{
    return s->has_copy || s->stalled;
}

uint32_t super_seed_n_peers(const struct super_seed *s)
{
    return (uint32_t)s->n_peers;
}
