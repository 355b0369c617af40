/* SPDX-License-Identifier: MIT */
/*
 * The search for a new piece for a peer.
 *
 * The order of rarity is walked from its rare end until the peer has a piece: for a seed that is
 * the first one, for most others one of the first few. Equally rare pieces are walked from a random
 * place on, so that the members of a swarm do not all fetch the same piece.
 *
 * A peer that has few of the pieces in the order would make that walk long. So it ends after
 * PICK_WALK steps, and then the two bitfields (pieces in the order, pieces of the peer) are
 * intersected word by word: 100,000 pieces are 1,600 words. Of the first PICK_CANDIDATES pieces
 * found, from a random word on, the rarest is taken: for a peer with fewer that is exact, for
 * others a large sample.
 */
#include "interest/pick.h"

#include <string.h>

#include "conjure/piece/claim.h"
#include "interest/internal.h"

#define PIECE_NONE UINT32_MAX

/* The first pieces of a download are picked at random: a common piece arrives sooner than a rare
 * one, and we can then trade it. */
#define RANDOM_FIRST 4

#define PICK_WALK       64
#define PICK_CANDIDATES 1024

static uint64_t common_word(const struct bitfield *a, const struct bitfield *b, size_t word)
{
    size_t size = bitfield_size(a->n_bits), at = word * 8;
    size_t n = size - at < 8 ? size - at : 8;
    uint64_t x = 0, y = 0;

    memcpy(&x, a->bytes + at, n);
    memcpy(&y, b->bytes + at, n);
    return __builtin_bswap64(x & y); /* bit 63 is the word's first piece */
}

static uint32_t scan(struct interest_table *t, const struct row *row, bool at_random)
{
    uint32_t n_words = (uint32_t)((bitfield_size(t->rarity.ordered.n_bits) + 7) / 8);
    uint32_t start = rng_below(t->rng, n_words);
    uint32_t best = PIECE_NONE, least = UINT32_MAX, n_equal = 0, n_seen = 0;

    for (uint32_t i = 0; i < n_words && n_seen < PICK_CANDIDATES; i++) {
        uint32_t w = start + i < n_words ? start + i : start + i - n_words;
        uint64_t bits = common_word(&t->rarity.ordered, &row->has, w);

        for (; bits; n_seen++) {
            uint32_t bit = (uint32_t)__builtin_clzll(bits), piece = w * 64 + bit;
            uint32_t a = at_random ? 0 : t->rarity.availability[piece];

            bits &= ~(UINT64_C(1) << (63 - bit));
            n_equal = a < least ? 1 : n_equal + (a == least);
            if (a < least || (a == least && rng_below(t->rng, n_equal) == 0))
                best = piece;
            least = a < least ? a : least;
        }
    }
    return best;
}

/* Returns the first piece of ROW in order[begin, end), searching from a random place and wrapping
 * once. Takes at most *STEPSP steps and subtracts them. */
static uint32_t walk(struct interest_table *t, const struct row *row, uint32_t begin, uint32_t end,
                     uint32_t *stepsp)
{
    uint32_t n = end - begin, at;

    if (!n)
        return PIECE_NONE;
    at = begin + (n > 1 ? rng_below(t->rng, n) : 0);
    for (; n && *stepsp; n--, --*stepsp) {
        uint32_t piece = t->rarity.order[at];

        if (row_has(row, piece))
            return piece;
        if (++at == end)
            at = begin;
    }
    return PIECE_NONE;
}

/* The oldest suggestion that is as good as RAREST, or RAREST. */
static uint32_t prefer_suggested(const struct interest_table *t, const struct row *row,
                                 uint32_t rarest, bool at_random)
{
    uint32_t n = row->n_suggested < SUGGESTED_MAX ? row->n_suggested : SUGGESTED_MAX;

    for (uint32_t i = row->n_suggested - n; i != row->n_suggested; i++) {
        uint32_t piece = row->suggested[i % SUGGESTED_MAX];

        if (bitfield_test(&t->rarity.ordered, piece) && row_has(row, piece) &&
            (at_random || t->rarity.availability[piece] == t->rarity.availability[rarest]))
            return piece;
    }
    return rarest;
}

static uint32_t pick_rarest(struct interest_table *t, const struct row *row, bool at_random)
{
    const struct rarity *r = &t->rarity;
    uint32_t piece = PIECE_NONE, steps = PICK_WALK;

    if (!r->n_order)
        return PIECE_NONE;
    if (at_random) {
        piece = walk(t, row, 0, r->n_order, &steps);
    } else {
        /* Only seeds have the pieces of bucket 0. */
        for (uint32_t a = row->has_all ? 0 : 1; a < r->n_buckets && steps; a++) {
            piece = walk(t, row, rarity_bucket_begin(r, a), r->bucket_end[a], &steps);
            if (piece != PIECE_NONE)
                return piece;
        }
    }
    if (piece != PIECE_NONE || steps)
        return piece;
    return scan(t, row, at_random);
}

static uint32_t pick_new(struct interest_table *t, const struct row *row)
{
    bool at_random = t->have.n_set < RANDOM_FIRST;
    uint32_t piece = pick_rarest(t, row, at_random);

    return piece == PIECE_NONE ? piece : prefer_suggested(t, row, piece, at_random);
}

/* Whether more pieces are unfinished than there are peers to fetch them. */
static bool has_many_partial(const struct interest_table *t)
{
    return t->started.n_partial > t->n_rows + 1;
}

/* How many free blocks a partial piece must have for the peer to prefer it to a new one: one for a
 * slow peer or when there are many partial pieces, otherwise half the claim. */
static uint32_t n_free_worth(const struct interest_table *t, uint32_t n_blocks)
{
    uint32_t whole = (t->geometry.piece_length + BLOCK_SIZE - 1) / BLOCK_SIZE;

    if (n_blocks < CLAIM_BLOCKS_MAX || has_many_partial(t))
        return 1;
    whole = whole < n_blocks ? whole : n_blocks;
    return whole > 1 ? whole / 2 : 1;
}

/* The rarest partial piece with at least N_FREE free blocks that ROW has and may claim; among
 * equals the one with the fewest free blocks. */
static struct started *pick_partial(struct interest_table *t, const struct row *row,
                                    uint32_t n_free)
{
    struct started *best = NULL;
    uint32_t least = UINT32_MAX;

    for (size_t i = 0; i < t->started.n_partial; i++) {
        struct started *s = t->started.partial[i];
        uint32_t a = t->rarity.availability[s->piece];

        if (s->n_free < n_free || a > least || (a == least && s->n_free >= best->n_free) ||
            (s->suspect && s->owned && s->owner != row->id) || !row_has(row, s->piece))
            continue;
        best = s;
        least = a;
    }
    return best;
}

/* A suspect piece whose owner has no claim on it any more. */
static struct started *pick_abandoned(struct interest_table *t, const struct row *row)
{
    for (size_t i = 0; i < t->started.n_partial; i++) {
        struct started *s = t->started.partial[i];

        if (s->suspect && !s->claims && row_has(row, s->piece))
            return s;
    }
    return NULL;
}

/* A started piece is preferred, unless this peer has one that is rarer: pieces that only a seed has
 * should come from the seed, and the rest of a piece from the leecher that sent its beginning. */
struct started *pick_piece(struct interest_table *t, const struct row *row, uint32_t n_blocks)
{
    uint32_t worth = n_free_worth(t, n_blocks), piece = PIECE_NONE;
    struct started *s = pick_partial(t, row, worth);

    if (!s || !has_many_partial(t))
        piece = pick_new(t, row);
    if (piece != PIECE_NONE &&
        (!s || t->rarity.availability[piece] < t->rarity.availability[s->piece]))
        s = table_start(t, piece);
    if (!s && worth > 1)
        s = pick_partial(t, row, 1);
    return s ? s : pick_abandoned(t, row);
}
