/* SPDX-License-Identifier: MIT */
/*
 * Downloading. A block that we asked for is named in two places: by a bit of its claim (in_flight),
 * which stays until the block is whole or lost, and by an entry of the ring, which keeps the order
 * of asking and goes as soon as the block's header has come. Peers answer in order nearly always,
 * so the ring gives up its first entry; one taken from the middle becomes a hole.
 *
 * A claim with nothing in flight is done, however that came about, and waits in claims_done for the
 * next session_next_event.
 */
#include "peer/session_private.h"

#include <assert.h>
#include <errno.h>

/* Payload of requests that we gave up is expected, up to all that can ever be in flight. */
#define FORGIVEN_MAX (SESSION_IN_FLIGHT_MAX * BLOCK_SIZE)

void session_forgive(struct session *s, uint32_t n_bytes)
{
    s->n_forgiven = n_bytes < FORGIVEN_MAX - s->n_forgiven ? s->n_forgiven + n_bytes : FORGIVEN_MAX;
}

int session_charge(struct session *s, uint32_t n_bytes)
{
    uint32_t forgiven = n_bytes < s->n_forgiven ? n_bytes : s->n_forgiven;

    s->n_forgiven -= forgiven;
    if (forgiven == n_bytes && n_bytes)
        return 0;
    /* The header counts too, or empty blocks could be sent forever. */
    s->n_unasked += n_bytes - forgiven + PIECE_HEADER;
    return s->n_unasked > SESSION_UNASKED_MAX ? session_break(s, "sends what nobody asked for") : 0;
}

static void end_claim_when_empty(struct session_transfer *t, uint32_t claim)
{
    if (!t->claims[claim].in_flight)
        t->claims_done |= 1u << claim;
}

/* Entry F is answered, one way or the other. */
static void leave_ring(struct session_transfer *t, struct in_flight *f)
{
    f->claim = HOLE;
    t->first = session_ring_skip(t, t->first);
}

/* The block's bit goes, and with the last one the claim. */
static void lose_bit(struct session_transfer *t, uint32_t claim, uint32_t bit)
{
    t->claims[claim].in_flight &= ~(UINT64_C(1) << bit);
    t->n_in_flight--;
    end_claim_when_empty(t, claim);
}

struct in_flight *session_find_block(struct session *s, uint32_t piece, uint32_t begin,
                                     uint32_t size)
{
    struct session_transfer *t = s->transfer;

    if (!t || t->first == t->last)
        return NULL;
    if (session_ring(t, t->first)->piece == piece && session_ring(t, t->first)->begin == begin)
        return session_ring(t, t->first)->size == size ? session_ring(t, t->first) : NULL;
    for (uint32_t i = t->first; i != t->last; i++) {
        struct in_flight *f = session_ring(t, i);

        if (f->claim != HOLE && f->piece == piece && f->begin == begin)
            return f->size == size ? f : NULL;
    }
    return NULL;
}

void session_begin_block(struct session *s, struct in_flight *f, uint32_t got, uint64_t now)
{
    struct session_transfer *t = s->transfer;

    t->into = session_place(t, f);
    t->into_claim = f->claim;
    t->into_bit = f->bit;
    s->state = STATE_BLOCK;
    s->payload_left = f->size;
    leave_ring(t, f);
    session_fill_block(s, got, now);
}

void session_fill_block(struct session *s, uint32_t n, uint64_t now)
{
    struct session_transfer *t = s->transfer;
    struct session_claim *c = &t->claims[t->into_claim];
    uint64_t bit = UINT64_C(1) << t->into_bit;

    t->into += n;
    s->payload_left -= n;
    if (s->payload_left)
        return;
    s->state = STATE_HEAD;
    s->block_ns = now;
    c->in_flight &= ~bit;
    c->received |= bit;
    t->n_in_flight--;
    t->n_received++;
    end_claim_when_empty(t, t->into_claim);
}

void session_lose_block(struct session *s, struct in_flight *f)
{
    uint32_t claim = f->claim, bit = f->bit;

    leave_ring(s->transfer, f);
    lose_bit(s->transfer, claim, bit);
}

/* Rid of all that is in flight of a claim and in BLOCKS; with cancels or silently. */
static void give_up(struct session *s, uint32_t claim, uint64_t blocks, bool say)
{
    struct session_transfer *t = s->transfer;

    blocks &= t->claims[claim].in_flight;
    for (uint32_t i = t->first; i != t->last && blocks; i++) {
        struct in_flight *f = session_ring(t, i);

        if (f->claim != claim || !(blocks & UINT64_C(1) << f->bit))
            continue;
        blocks &= ~(UINT64_C(1) << f->bit);
        session_forgive(s, f->size);
        if (say)
            session_say_block(s, ID_CANCEL, f->piece, f->begin, f->size);
        session_lose_block(s, f);
    }
    /* What is left is on its way already: the rest of it goes nowhere. */
    if (blocks) {
        assert(blocks == UINT64_C(1) << t->into_bit && claim == t->into_claim);
        if (s->state == STATE_BLOCK)
            s->state = STATE_SKIP;
        lose_bit(t, claim, t->into_bit);
    }
}

void session_lose_all(struct session *s)
{
    struct session_transfer *t = s->transfer;

    for (uint32_t i = 0; t && i < SESSION_CLAIMS_MAX; i++) {
        if (t->claims_used & 1u << i)
            give_up(s, i, UINT64_MAX, false);
    }
}

void session_cancel(struct session *s, uint32_t piece, uint32_t first_block, uint64_t blocks)
{
    struct session_transfer *t = s->transfer;

    for (uint32_t i = 0; t && i < SESSION_CLAIMS_MAX; i++) {
        const struct claim *c = &t->claims[i].claim;
        uint32_t shift;
        uint64_t mine;

        if (!(t->claims_used & 1u << i) || c->piece != piece)
            continue;
        shift = first_block > c->first_block ? first_block - c->first_block
                                             : c->first_block - first_block;
        if (shift >= 64)
            continue;
        mine = first_block > c->first_block ? blocks << shift : blocks >> shift;
        give_up(s, i, mine, true);
    }
}

bool session_drop_claim(struct session *s, struct session_claim *claimp)
{
    struct session_transfer *t = s->transfer;
    uint32_t i;

    if (!t || !t->claims_used)
        return false;
    i = (uint32_t)__builtin_ctz(t->claims_used);
    give_up(s, i, UINT64_MAX, false);
    t->claims_used &= ~(1u << i);
    t->claims_done &= ~(1u << i);
    *claimp = t->claims[i];
    return true;
}

uint32_t session_n_in_flight(const struct session *s)
{
    return s->transfer ? s->transfer->n_in_flight : 0;
}

/*
 * The depth follows the rate: as many blocks in flight as came in a second, by the meter or since
 * the last look, whichever is more. It is looked at again when half a depth has come, and then at
 * most doubles or halves: a new peer starts at DEPTH_FIRST and gets there in a few steps, as in
 * TCP's slow start; a peer behind a second of round trip keeps growing, since what is measured
 * grows too.
 */
static void adapt_depth(struct session *s, uint64_t now)
{
    struct session_transfer *t = s->transfer;
    uint64_t took = now > t->burst_ns ? now - t->burst_ns : 1;
    uint64_t recent, average, depth;

    if (t->n_received < t->depth / 2)
        return;
    recent = t->n_received * UINT64_C(1000000000) / took;
    average = rate_get(&s->down, now) / BLOCK_SIZE;
    depth = recent > average ? recent : average;
    if (depth > 2 * t->depth)
        depth = 2 * t->depth;
    if (depth < t->depth / 2)
        depth = t->depth / 2;
    if (depth > DEPTH_MAX)
        depth = DEPTH_MAX;
    if (depth < DEPTH_MIN)
        depth = DEPTH_MIN;
    t->depth = (uint32_t)depth;
    t->n_received = 0;
    t->burst_ns = now;
}

uint32_t session_blocks_wanted(struct session *s, uint64_t now)
{
    uint32_t depth = DEPTH_FIRST, n = 0, n_free = SESSION_CLAIMS_MAX;
    uint32_t per_claim = geometry_n_blocks(s->geometry, 0), room;

    if (s->peer_chokes || session_is_broken(s))
        return 0;
    if (s->transfer) {
        adapt_depth(s, now);
        depth = s->transfer->depth;
        n = s->transfer->n_in_flight;
        n_free -= (uint32_t)__builtin_popcount(s->transfer->claims_used);
    }
    if (s->peer_reqq && depth > s->peer_reqq)
        depth = s->peer_reqq;
    /* With pieces of a few blocks it is the claims that run out. */
    if (per_claim > CLAIM_BLOCKS_MAX)
        per_claim = CLAIM_BLOCKS_MAX;
    if (depth > SESSION_CLAIMS_MAX * per_claim)
        depth = SESSION_CLAIMS_MAX * per_claim;
    /* In batches: a peer that is asked block by block answers block by block, and both ends wake
     * for each of them. */
    if (n > depth / 2)
        return 0;
    room = n_free * per_claim;
    return depth - n < room ? depth - n : room;
}

/* Closes up the holes of the ring, when that makes room. */
static void compact_ring(struct session_transfer *t)
{
    uint32_t to = t->first;

    for (uint32_t i = t->first; i != t->last; i++) {
        if (session_ring(t, i)->claim != HOLE)
            *session_ring(t, to++) = *session_ring(t, i);
    }
    t->last = to;
}

int session_add_claim(struct session *s, const struct claim *claim, uint8_t *data, uint64_t now)
{
    uint64_t blocks = claim->blocks;
    uint32_t n_blocks = (uint32_t)__builtin_popcountll(blocks), i;
    struct session_transfer *t;

    if (session_need_transfer(s))
        return -ENOMEM;
    t = s->transfer;
    if (t->claims_used == UINT32_MAX || n_blocks > SESSION_IN_FLIGHT_MAX - t->n_in_flight)
        return SESSION_FULL;
    i = (uint32_t)__builtin_ctz(~t->claims_used);
    t->claims_used |= 1u << i;
    t->claims[i] = (struct session_claim){.claim = *claim, .data = data};
    /* The choke may have come while the claim was made. */
    if (s->peer_chokes || session_is_broken(s) || !blocks) {
        end_claim_when_empty(t, i);
        return 0;
    }
    if (!t->n_in_flight) {
        s->block_ns = t->burst_ns = now;
        t->n_received = 0;
    }
    if (t->last - t->first + n_blocks > RING_SIZE)
        compact_ring(t);
    t->claims[i].in_flight = blocks;
    t->n_in_flight += n_blocks;
    for (; blocks; blocks &= blocks - 1) {
        uint32_t bit = (uint32_t)__builtin_ctzll(blocks), block = claim->first_block + bit;
        struct in_flight *f = session_ring(t, t->last++);

        *f = (struct in_flight){
            .piece = claim->piece,
            .begin = block * BLOCK_SIZE,
            .size = geometry_block_size(s->geometry, claim->piece, block),
            .claim = (uint8_t)i,
            .bit = (uint8_t)bit,
        };
        session_say_block(s, ID_REQUEST, f->piece, f->begin, f->size);
    }
    return 0;
}
