/* SPDX-License-Identifier: MIT */
/*
 * A piece is offered to one peer, and to no other while that may still get it. The offer ends when
 * the piece is seen at somebody else: then the peer has passed it on, and is offered another. Who
 * passes nothing on gets nothing more. A piece that nobody has and that is offered to nobody is
 * free; a new offer is always of a free one, at random.
 *
 * HOW MANY at a time: so much that the uplink is busy while pieces are being passed on, shared among
 * the peers that lack something; two at least. To one alone there is nobody to pass anything on, so
 * its offers end when it has the piece.
 *
 * NOBODY MAY HOLD A PIECE BACK. An offer that is not taken for a while (the peer is choked, or busy), or
 * not passed on, does not end, but the piece is free again. What a peer that leaves had alone is free.
 *
 * THE END. When all pieces are out nothing is offered until the peers have them from each other. It is
 * over when one has everything; and when nobody gets anything new for long, for then they cannot reach
 * each other, or do not want to, and an ordinary seed serves them better.
 */
#include "conjure/interest/super_seed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/id_map.h"

#define OFFERS_MIN   2
#define OFFERS_MAX   16
#define OFFERS_BYTES (8u << 20) /* to all peers together */

/* For a peer that gets this many bytes a second; more for a slow start. */
#define SLOW_BYTES_PER_S (16u << 10)
#define TAKE_NS          (5 * NS_PER_S)
#define PASS_ON_NS       (20 * NS_PER_S)
#define STALL_NS         (60 * NS_PER_S)

#define NOT_FREE UINT32_MAX

struct offer {
    uint32_t piece;
    bool taken; /* asked for */
    bool late;  /* does not keep the piece from others any more */
    uint64_t since_ns;
};

struct super_peer {
    uint32_t id;
    uint32_t at; /* index in super_seed.peers */
    void *user;
    struct bitfield has;     /* as far as we know */
    struct bitfield offered; /* ever */
    struct bitfield taken;   /* asked for, ever */
    uint32_t n_offers;
    struct offer offers[OFFERS_MAX];
};

struct super_seed {
    struct rng *rng;
    uint32_t n_pieces, piece_length;
    uint64_t piece_ns; /* how long a slow peer takes for a piece */

    uint32_t *n_have;   /* by piece: peers that have it */
    uint32_t *n_offers; /* by piece: offers that go on, late ones as well */
    uint32_t *n_held;   /* by piece: of these, those that keep it from others */
    uint32_t *free_at;  /* by piece: index in `free`, or NOT_FREE */
    uint32_t *free;     /* pieces that nobody has or may get */
    uint32_t n_free;

    struct super_peer **peers;
    uint32_t n_peers, peers_size;
    uint32_t n_complete; /* peers that have everything */
    struct id_map by_id;

    uint64_t news_ns; /* last time that a peer got or took anything */
    bool stalled;
    bool copied; /* one had everything; it may have left since, for it needs us no more */

    struct super_seed_offer *queue; /* [queue_at, n_queue) is to be taken */
    uint32_t queue_at, n_queue, queue_size;
};

/* --- which pieces are free ----------------------------------------------------------------- */

/* While an offer goes on nobody has the piece but those it was offered to, who have not passed it on. */
static void look_whether_free(struct super_seed *s, uint32_t piece)
{
    bool is_free = !s->n_held[piece] && (s->n_offers[piece] || !s->n_have[piece]);
    uint32_t at = s->free_at[piece], last;

    if (is_free == (at != NOT_FREE))
        return;
    if (is_free) {
        s->free_at[piece] = s->n_free;
        s->free[s->n_free++] = piece;
        return;
    }
    last = s->free[--s->n_free];
    s->free[at] = last;
    s->free_at[last] = at;
    s->free_at[piece] = NOT_FREE;
}

struct super_seed *super_seed_new(uint32_t n_pieces, uint32_t piece_length, struct rng *rng,
                                  uint64_t now)
{
    struct super_seed *s = NEW(struct super_seed);

    s->rng = rng;
    s->n_pieces = n_pieces;
    s->piece_length = piece_length;
    s->piece_ns = (uint64_t)piece_length * NS_PER_S / SLOW_BYTES_PER_S;
    s->news_ns = now;
    s->n_have = calloc(n_pieces, sizeof *s->n_have);
    s->n_offers = calloc(n_pieces, sizeof *s->n_offers);
    s->n_held = calloc(n_pieces, sizeof *s->n_held);
    s->free_at = calloc(n_pieces, sizeof *s->free_at);
    s->free = calloc(n_pieces, sizeof *s->free);
    if (!s->n_have || !s->n_offers || !s->n_held || !s->free_at || !s->free) {
        super_seed_free(s);
        return NULL;
    }
    for (uint32_t i = 0; i < n_pieces; i++) {
        s->free_at[i] = NOT_FREE;
        look_whether_free(s, i);
    }
    return s;
}

static void peer_free(struct super_peer *p)
{
    bitfield_deinit(&p->has);
    bitfield_deinit(&p->offered);
    bitfield_deinit(&p->taken);
    free(p);
}

void super_seed_free(struct super_seed *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->n_peers; i++)
        peer_free(s->peers[i]);
    free(s->peers);
    id_map_deinit(&s->by_id);
    free(s->n_have);
    free(s->n_offers);
    free(s->n_held);
    free(s->free_at);
    free(s->free);
    free(s->queue);
    free(s);
}

/* --- offers -------------------------------------------------------------------------------- */

static uint32_t n_leechers(const struct super_seed *s)
{
    return s->n_peers - s->n_complete;
}

static uint32_t offers_max(const struct super_seed *s)
{
    uint64_t n = OFFERS_BYTES / ((uint64_t)s->piece_length * (n_leechers(s) ? n_leechers(s) : 1));

    return n < OFFERS_MIN ? OFFERS_MIN : n > OFFERS_MAX ? OFFERS_MAX : (uint32_t)n;
}

static void say(struct super_seed *s, const struct super_peer *p, uint32_t piece)
{
    if (s->queue_at == s->n_queue)
        s->queue_at = s->n_queue = 0;
    if (s->n_queue == s->queue_size) {
        s->queue_size = s->queue_size ? 2 * s->queue_size : 16;
        s->queue = mem_resize(s->queue, s->queue_size, sizeof *s->queue);
    }
    s->queue[s->n_queue++] = (struct super_seed_offer){p->id, p->user, piece};
}

/* A free piece that P was not offered before; NOT_FREE when there is none. Those that are free and were
 * offered are few: late ones of its own. */
static uint32_t pick(const struct super_seed *s, const struct super_peer *p)
{
    uint32_t from = s->n_free ? rng_below(s->rng, s->n_free) : 0;

    for (uint32_t i = 0; i < s->n_free; i++) {
        uint32_t piece = s->free[(from + i) % s->n_free];

        if (!bitfield_test(&p->offered, piece))
            return piece;
    }
    return NOT_FREE;
}

static void offer(struct super_seed *s, struct super_peer *p, uint64_t now)
{
    uint32_t max = offers_max(s), piece;

    while (p->n_offers < max && !bitfield_all(&p->has) && (piece = pick(s, p)) != NOT_FREE) {
        p->offers[p->n_offers++] = (struct offer){.piece = piece, .since_ns = now};
        bitfield_set(&p->offered, piece);
        s->n_offers[piece]++;
        s->n_held[piece]++;
        look_whether_free(s, piece);
        say(s, p, piece);
    }
}

static void offer_all(struct super_seed *s, uint64_t now)
{
    for (uint32_t i = 0; i < s->n_peers && s->n_free; i++)
        offer(s, s->peers[i], now);
}

static void let_go(struct super_seed *s, struct offer *o)
{
    if (!o->late)
        s->n_held[o->piece]--;
    o->late = true;
    look_whether_free(s, o->piece);
}

static void end_offer(struct super_seed *s, struct super_peer *p, uint32_t i)
{
    uint32_t piece = p->offers[i].piece;

    let_go(s, &p->offers[i]);
    s->n_offers[piece]--;
    look_whether_free(s, piece);
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
    for (uint32_t i = 0; i < s->n_peers && s->n_offers[piece]; i++) {
        struct super_peer *from = s->peers[i];

        if (from == p)
            continue;
        end_offer_of(s, from, piece);
        offer(s, from, now);
    }
}

/* P has PIECE; false when that is no news. */
static bool note(struct super_seed *s, struct super_peer *p, uint32_t piece, uint64_t now)
{
    if (!bitfield_set(&p->has, piece))
        return false;
    if (bitfield_all(&p->has)) {
        s->n_complete++;
        s->copied = true;
    }
    s->n_have[piece]++;
    s->news_ns = now;
    look_whether_free(s, piece);
    return true;
}

/* P has PIECE since now: those who were offered it have passed it on, and may get another. */
static void has(struct super_seed *s, struct super_peer *p, uint32_t piece, uint64_t now)
{
    if (!note(s, p, piece, now))
        return;
    if (n_leechers(s) <= 1) {
        end_offer_of(s, p, piece);
        offer(s, p, now);
    }
    end_offers_of_others(s, p, piece, now);
}

/* --- peers --------------------------------------------------------------------------------- */

int super_seed_joined(struct super_seed *s, uint32_t peer, void *user,
                      const struct bitfield *has_set, bool has_all, uint64_t now)
{
    struct super_peer *p = NEW(struct super_peer);

    assert(!id_map_get(&s->by_id, peer));
    *p = (struct super_peer){.id = peer, .at = s->n_peers, .user = user};
    if (bitfield_init(&p->has, s->n_pieces) || bitfield_init(&p->offered, s->n_pieces) ||
        bitfield_init(&p->taken, s->n_pieces)) {
        peer_free(p);
        return -ENOMEM;
    }
    if (s->n_peers == s->peers_size) {
        s->peers_size = s->peers_size ? 2 * s->peers_size : 8;
        s->peers = mem_resize(s->peers, s->peers_size, sizeof(struct super_peer *));
    }
    s->peers[s->n_peers++] = p;
    id_map_put(&s->by_id, peer, p);
    s->news_ns = now;
    for (uint32_t i = 0; i < s->n_pieces; i++)
        if (has_all || (has_set->bytes && bitfield_test(has_set, i)))
            note(s, p, i, now);
    /* What it has was passed on by somebody, or it has come back. */
    for (uint32_t i = 0; i < s->n_pieces; i++)
        if (s->n_offers[i] && bitfield_test(&p->has, i))
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
    s->n_complete -= bitfield_all(&p->has);
    for (uint32_t i = 0; i < s->n_pieces; i++) {
        if (bitfield_test(&p->has, i)) {
            s->n_have[i]--;
            look_whether_free(s, i);
        }
    }
    s->peers[p->at] = s->peers[--s->n_peers];
    s->peers[p->at]->at = p->at;
    peer_free(p);
}

void super_seed_got_piece(struct super_seed *s, uint32_t peer, uint32_t piece, uint64_t now)
{
    struct super_peer *p = id_map_get(&s->by_id, peer);

    assert(piece < s->n_pieces);
    if (p)
        has(s, p, piece, now);
}

void super_seed_sated(struct super_seed *s, uint32_t peer, uint64_t now)
{
    struct super_peer *p = id_map_get(&s->by_id, peer);

    /* What it has begun it would want until it had it all; of an offer that it has not asked for yet it
     * may not even have heard. */
    for (uint32_t i = 0; p && i < s->n_pieces; i++)
        if (bitfield_test(&p->taken, i))
            has(s, p, i, now);
}

bool super_seed_asked(struct super_seed *s, uint32_t peer, uint32_t piece, uint64_t now)
{
    struct super_peer *p = id_map_get(&s->by_id, peer);

    if (!p || piece >= s->n_pieces || !bitfield_test(&p->offered, piece))
        return false;
    bitfield_set(&p->taken, piece);
    for (uint32_t i = 0; i < p->n_offers; i++) {
        struct offer *o = &p->offers[i];

        if (o->piece == piece && !o->taken) {
            o->taken = true;
            o->since_ns = s->news_ns = now;
        }
    }
    return true;
}

void super_seed_tick(struct super_seed *s, uint64_t now)
{
    for (uint32_t i = 0; i < s->n_peers; i++) {
        struct super_peer *p = s->peers[i];

        for (uint32_t k = 0; k < p->n_offers; k++) {
            struct offer *o = &p->offers[k];

            if (now - o->since_ns >= (o->taken ? PASS_ON_NS + s->piece_ns : TAKE_NS))
                let_go(s, o);
        }
    }
    offer_all(s, now);
    if (!n_leechers(s))
        s->news_ns = now;
    s->stalled = s->stalled || now - s->news_ns >= STALL_NS + s->piece_ns;
}

/* --- what comes out ------------------------------------------------------------------------ */

bool super_seed_next(struct super_seed *s, struct super_seed_offer *offerp)
{
    if (s->queue_at == s->n_queue)
        return false;
    *offerp = s->queue[s->queue_at++];
    return true;
}

bool super_seed_has_copy(const struct super_seed *s)
{
    return s->copied;
}

bool super_seed_is_over(const struct super_seed *s)
{
    return s->copied || s->stalled;
}

uint32_t super_seed_n_peers(const struct super_seed *s)
{
    return s->n_peers;
}
