/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_RARITY_H
#define CONJURE_SRC_INTEREST_RARITY_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/rng.h"

#define RARITY_ABSENT UINT32_MAX

/*
 * How many peers have each piece, and the pieces that may be picked ordered by that. One array of
 * pieces, in which equal ones stand together; bucket `a` (the pieces that A peers have) ends before
 * bucket_end[a]. A piece that becomes one more or one less common is swapped to the border of its
 * bucket and the border moves past it: O(1).
 */
struct rarity {
    uint32_t n_pieces;
    uint32_t *availability; /* of every piece, in the order or not */
    uint32_t *position;     /* in `order`, or RARITY_ABSENT */
    uint32_t *order;
    uint32_t n_order;
    uint32_t *bucket_end;
    uint32_t n_buckets; /* every availability of a piece in the order is below */
};
#define RARITY_EMPTY ((struct rarity){0})

/* No piece is in the order and nobody has any. 0 or -ENOMEM. */
int rarity_init(struct rarity *r, uint32_t n_pieces);
void rarity_deinit(struct rarity *r);

static inline bool rarity_holds(const struct rarity *r, uint32_t piece)
{
    return r->position[piece] != RARITY_ABSENT;
}
static inline uint32_t rarity_bucket_begin(const struct rarity *r, uint32_t availability)
{
    return availability ? r->bucket_end[availability - 1] : 0;
}

void rarity_more(struct rarity *r, uint32_t piece); /* one peer more has it */
void rarity_less(struct rarity *r, uint32_t piece);

/* Puts a piece into the order or takes it out: O(buckets above it). */
void rarity_insert(struct rarity *r, uint32_t piece);
void rarity_remove(struct rarity *r, uint32_t piece);

#endif
