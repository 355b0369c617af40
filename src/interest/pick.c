/* SPDX-License-Identifier: MIT */
/*
 * The search for a new piece for a peer.
 *
 * The order of rarity is walked from its rare end until the peer has a piece: for a seed that is
 * the first one, for most others one of the first few. Equals are walked from a random place on, so
 * that the members of a swarm do not all fetch the same piece.
 *
 * A peer that has few of the open pieces would make that walk long. So it ends after PICK_WALK
 * steps, and then the two bitfields (what is open, what the peer has) are intersected word by word:
 * 100,000 pieces are 1,600 words. Of the first PICK_CANDIDATES pieces found, from a random word on,
 * the rarest is taken: for a peer with fewer that is exact, for others a large sample.
 */
#include <string.h>

#include "interest/inside.h"

/* As many pieces of the beginning are picked at random: to have some to trade soon. */
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
    uint32_t n_words = (uint32_t)((bitfield_size(t->open.n_bits) + 7) / 8);
    uint32_t start = rng_below(t->rng, n_words);
    uint32_t best = PIECE_NONE, least = UINT32_MAX, n_equal = 0, n_seen = 0;

    for (uint32_t i = 0; i < n_words && n_seen < PICK_CANDIDATES; i++) {
        uint32_t w = start + i < n_words ? start + i : start + i - n_words;
        uint64_t bits = common_word(&t->open, &row->has, w);

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

/* Walks order[begin, end) from a random place round to it; *STEPSP are left. */
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

/* The oldest suggestion that is as good as RAREST, or that. */
static uint32_t prefer_suggested(const struct interest_table *t, const struct row *row,
                                 uint32_t rarest, bool at_random)
{
    uint32_t n = row->n_suggested < SUGGESTED_MAX ? row->n_suggested : SUGGESTED_MAX;

    for (uint32_t i = row->n_suggested - n; i != row->n_suggested; i++) {
        uint32_t piece = row->suggested[i % SUGGESTED_MAX];

        if (bitfield_test(&t->open, piece) && row_has(row, piece) &&
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
        /* Nobody but a seed has what stands in bucket 0. */
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

uint32_t pick_new_piece(struct interest_table *t, const struct row *row)
{
    bool at_random = t->have.n_set < RANDOM_FIRST;
    uint32_t piece = pick_rarest(t, row, at_random);

    return piece == PIECE_NONE ? piece : prefer_suggested(t, row, piece, at_random);
}
