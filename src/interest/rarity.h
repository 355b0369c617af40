/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_RARITY_H
#define CONJURE_SRC_INTEREST_RARITY_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/base/rng.h"

#define RARITY_ABSENT UINT32_MAX

/*
 * The availability of each piece (how many peers have it), and the pieces that may be picked,
 * ordered by availability. The order is one array, in which equally available pieces stand
 * together; bucket `a` (the pieces that A peers have) ends before bucket_end[a]. When the
 * availability of a piece changes by one, it is swapped to the border of its bucket and the border
 * moves past it: O(1). Pure; one thread at a time calls.
 */
struct rarity {
    uint32_t n_pieces;
    uint32_t *availability; /* of every piece, in the order or not */
    uint32_t *position;     /* in `order`, or RARITY_ABSENT */
    uint32_t *order;
    uint32_t n_order;
    struct bitfield ordered; /* the pieces in `order`, as a set */
    uint32_t *bucket_end;
    uint32_t n_buckets; /* above every availability of a piece in the order */
};
#define RARITY_EMPTY ((struct rarity){0})

/* The order is empty and every availability 0. 0 or -ENOMEM. */
int rarity_init(struct rarity *r, uint32_t n_pieces);
void rarity_deinit(struct rarity *r); /* safe twice */

/* Adds PIECES to the empty order, shuffled, so that the first pick among equally available pieces
 * is random. No peer has joined yet: every availability is 0. */
void rarity_fill(struct rarity *r, const struct bitfield *pieces, struct rng *rng);
static inline uint32_t rarity_bucket_begin(const struct rarity *r, uint32_t availability)
{
    return availability ? r->bucket_end[availability - 1] : 0;
}

void rarity_more(struct rarity *r, uint32_t piece); /* one more peer has it */
void rarity_less(struct rarity *r, uint32_t piece);

/* Add a piece to the order or remove it; no effect when that is done already. O(buckets above
 * it). */
void rarity_insert(struct rarity *r, uint32_t piece);
void rarity_remove(struct rarity *r, uint32_t piece);

#endif
