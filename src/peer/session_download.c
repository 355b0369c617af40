/* SPDX-License-Identifier: MIT */
/*
 * Claims. A block in flight stands in two places: as a bit of its claim (in_flight), until it is
 * whole or lost, and in download->in_flight, until its header has arrived.
 *
 * A claim with nothing in flight is done, whatever the cause, and waits in claims_done for the next
 * session_next_event.
 */
#include "peer/download.h"
#include "peer/internal.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* Blocks of requests that we gave up may arrive: as many as can be in flight. */
#define FORGIVEN_MAX (SESSION_IN_FLIGHT_MAX * BLOCK_SIZE)

/* A block that we gave up may still arrive. */
static void forgive(struct session *s, uint32_t n_bytes)
{
    s->n_forgiven = n_bytes < FORGIVEN_MAX - s->n_forgiven ? s->n_forgiven + n_bytes : FORGIVEN_MAX;
}

bool session_charge_unasked(struct session *s, uint32_t n_bytes)
{
    uint32_t forgiven = n_bytes < s->n_forgiven ? n_bytes : s->n_forgiven;

    s->n_forgiven -= forgiven;
    if (forgiven == n_bytes && n_bytes)
        return false;
    /* The header counts too: empty blocks are not free. */
    s->n_unasked += n_bytes - forgiven + PIECE_HEADER;
    return s->n_unasked > SESSION_UNASKED_MAX;
}

static void end_claim_when_empty(struct download *d, uint32_t claim)
{
    if (!d->claims[claim].in_flight)
        d->claims_done |= 1u << claim;
}

static void lose_bit(struct download *d, uint32_t claim, uint32_t bit)
{
    d->claims[claim].in_flight &= ~(UINT64_C(1) << bit);
    d->n_in_flight--;
    end_claim_when_empty(d, claim);
}

struct in_flight_block *session_find_block(struct session *s, uint32_t piece, uint32_t begin,
                                           uint32_t size)
{
    return s->download ? in_flight_find(&s->download->in_flight, piece, begin, size) : NULL;
}

void session_begin_block(struct session *s, struct in_flight_block *block, uint32_t got,
                         uint64_t now)
{
    struct download *d = s->download;

    d->into = block->data;
    d->into_claim = block->claim;
    d->into_bit = block->bit;
    s->state = STATE_BLOCK;
    s->payload_left = block->size;
    in_flight_remove(&d->in_flight, block);
    session_fill_block(s, got, now);
}

void session_fill_block(struct session *s, uint32_t n, uint64_t now)
{
    struct download *d = s->download;
    struct session_claim *c = &d->claims[d->into_claim];
    uint64_t bit = UINT64_C(1) << d->into_bit;

    d->into += n;
    s->payload_left -= n;
    if (s->payload_left)
        return;
    s->state = STATE_HEAD;
    c->in_flight &= ~bit;
    c->received |= bit;
    d->block_ns = now;
    d->n_in_flight--;
    d->depth.n_received++;
    end_claim_when_empty(d, d->into_claim);
}

void session_lose_block(struct session *s, struct in_flight_block *block)
{
    uint32_t claim = block->claim, bit = block->bit;

    in_flight_remove(&s->download->in_flight, block);
    lose_bit(s->download, claim, bit);
}

enum give_up { GIVE_UP_SILENTLY, GIVE_UP_WITH_CANCELS };

/* Gives up those BLOCKS of a claim that are in flight. */
static void give_up(struct session *s, uint32_t claim, uint64_t blocks, enum give_up how)
{
    struct download *d = s->download;
    struct in_flight *f = &d->in_flight;

    blocks &= d->claims[claim].in_flight;
    for (uint32_t i = f->first; i != f->last && blocks; i++) {
        struct in_flight_block *block = in_flight_at(f, i);

        if (block->claim != claim || !(blocks & UINT64_C(1) << block->bit))
            continue;
        blocks &= ~(UINT64_C(1) << block->bit);
        forgive(s, block->size);
        if (how == GIVE_UP_WITH_CANCELS)
            session_send_block(s, ID_CANCEL, block->piece, block->begin, block->size);
        session_lose_block(s, block);
    }
    /* What remains is the block that arrives: skip the rest of it. */
    if (blocks) {
        assert(blocks == UINT64_C(1) << d->into_bit && claim == d->into_claim);
        if (s->state == STATE_BLOCK)
            s->state = STATE_SKIP;
        lose_bit(d, claim, d->into_bit);
    }
}

void session_lose_all_blocks(struct session *s)
{
    struct download *d = s->download;

    for (uint32_t i = 0; d && i < SESSION_CLAIMS_MAX; i++) {
        if (d->claims_used & 1u << i)
            give_up(s, i, UINT64_MAX, GIVE_UP_SILENTLY);
    }
}

void session_cancel(struct session *s, uint32_t piece, uint32_t first_block, uint64_t blocks)
{
    struct download *d = s->download;

    for (uint32_t i = 0; d && i < SESSION_CLAIMS_MAX; i++) {
        const struct claim *c = &d->claims[i].claim;
        uint32_t shift;
        uint64_t mine;

        if (!(d->claims_used & 1u << i) || c->piece != piece)
            continue;
        shift = first_block > c->first_block ? first_block - c->first_block
                                             : c->first_block - first_block;
        if (shift >= 64)
            continue;
        mine = first_block > c->first_block ? blocks << shift : blocks >> shift;
        give_up(s, i, mine, GIVE_UP_WITH_CANCELS);
    }
}

bool session_drop_claim(struct session *s, struct session_claim *claimp)
{
    struct download *d = s->download;
    uint32_t i;

    if (!d || !d->claims_used)
        return false;
    i = (uint32_t)__builtin_ctz(d->claims_used);
    give_up(s, i, UINT64_MAX, GIVE_UP_SILENTLY);
    d->claims_used &= ~(1u << i);
    d->claims_done &= ~(1u << i);
    *claimp = d->claims[i];
    return true;
}

bool session_take_done_claim(struct session *s, struct session_claim *claimp)
{
    struct download *d = s->download;
    uint32_t i;

    if (!d || !d->claims_done)
        return false;
    i = (uint32_t)__builtin_ctz(d->claims_done);
    d->claims_done &= ~(1u << i);
    d->claims_used &= ~(1u << i);
    *claimp = d->claims[i];
    return true;
}

uint32_t session_n_in_flight(const struct session *s)
{
    return s->download ? s->download->n_in_flight : 0;
}

bool session_is_snubbed(const struct session *s, uint64_t now)
{
    const struct download *d = s->download;

    return d && d->n_in_flight && now > d->block_ns && now - d->block_ns >= SESSION_SNUBBED_NS;
}

uint32_t session_blocks_wanted(struct session *s, uint64_t now)
{
    uint32_t depth = DEPTH_FIRST, n = 0, n_free = SESSION_CLAIMS_MAX;
    uint32_t per_claim = geometry_n_blocks(s->geometry, 0), room;
    struct download *d = s->download;

    if (s->peer_chokes || session_is_broken(s))
        return 0;
    if (d) {
        if (depth_is_due(&d->depth))
            depth_adapt(&d->depth, rate_get(&s->down, now) / BLOCK_SIZE, now);
        depth = d->depth.n_blocks;
        n = d->n_in_flight;
        n_free -= (uint32_t)__builtin_popcount(d->claims_used);
    }
    if (s->peer_reqq && depth > s->peer_reqq)
        depth = s->peer_reqq;
    /* With pieces of a few blocks it is claims that run out. */
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

static struct download *need_download(struct session *s)
{
    struct download *d = s->download;

    if (d)
        return d;
    d = malloc(sizeof *d);
    if (!d)
        return NULL;
    memset(d, 0, offsetof(struct download, claims));
    in_flight_init(&d->in_flight);
    d->depth = DEPTH_INIT;
    return s->download = d;
}

static void request_blocks(struct session *s, uint32_t claim, uint64_t blocks)
{
    struct download *d = s->download;
    struct session_claim *c = &d->claims[claim];
    uint32_t piece = c->claim.piece;

    for (; blocks; blocks &= blocks - 1) {
        uint32_t bit = (uint32_t)__builtin_ctzll(blocks), number = c->claim.first_block + bit;
        const struct in_flight_block block = {
            .data = c->data + (size_t)bit * BLOCK_SIZE,
            .piece = piece,
            .begin = number * BLOCK_SIZE,
            .size = geometry_block_size(s->geometry, piece, number),
            .claim = (uint8_t)claim,
            .bit = (uint8_t)bit,
        };

        in_flight_add(&d->in_flight, &block);
        session_send_block(s, ID_REQUEST, piece, block.begin, block.size);
    }
}

int session_add_claim(struct session *s, const struct claim *claim, uint8_t *data, uint64_t now)
{
    uint32_t n_blocks = (uint32_t)__builtin_popcountll(claim->blocks), i;
    struct download *d = need_download(s);

    if (!d)
        return -ENOMEM;
    if (d->claims_used == UINT32_MAX || n_blocks > SESSION_IN_FLIGHT_MAX - d->n_in_flight)
        return SESSION_FULL;
    i = (uint32_t)__builtin_ctz(~d->claims_used);
    d->claims_used |= 1u << i;
    d->claims[i] = (struct session_claim){.claim = *claim, .data = data};
    /* The choke may have arrived while the claim was made. */
    if (s->peer_chokes || session_is_broken(s) || !n_blocks) {
        end_claim_when_empty(d, i);
        return 0;
    }
    if (!d->n_in_flight) {
        d->block_ns = now;
        depth_restart(&d->depth, now);
    }
    d->claims[i].in_flight = claim->blocks;
    d->n_in_flight += n_blocks;
    request_blocks(s, i, claim->blocks);
    return 0;
}
