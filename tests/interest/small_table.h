/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_INTEREST_SMALL_TABLE_H
#define CONJURE_TESTS_INTEREST_SMALL_TABLE_H

#include "../suite.h"

#include "interest/internal.h"

/* An InterestTable of pieces of one size, and peers for it. */

static struct rng rng;

/* Of N_PIECES pieces of BLOCKS blocks, of which the first N_HAVE are verified. */
static inline struct interest_table *table_of(uint32_t n_pieces, uint32_t blocks, uint32_t n_have)
{
    struct geometry g = {.total_length = (uint64_t)n_pieces * blocks * BLOCK_SIZE,
                         .piece_length = blocks * BLOCK_SIZE,
                         .n_pieces = n_pieces};
    struct bitfield have;

    rng_seed(&rng, 7);
    ck_assert_int_eq(bitfield_init(&have, n_pieces), 0);
    for (uint32_t i = 0; i < n_have; i++)
        bitfield_set(&have, i);
    return interest_table_new(&g, NULL, &have, &rng);
}

/* A peer that has the pieces [FIRST, END) of N_PIECES. */
static inline void join_with(struct interest_table *t, uint32_t peer, uint32_t n_pieces,
                             uint32_t first, uint32_t end)
{
    struct bitfield has;

    ck_assert_int_eq(bitfield_init(&has, n_pieces), 0);
    for (uint32_t i = first; i < end; i++)
        bitfield_set(&has, i);
    interest_table_peer_joined(t, peer, NULL, &has, false);
}

static inline void join_seed(struct interest_table *t, uint32_t peer)
{
    struct bitfield none = BITFIELD_EMPTY;

    interest_table_peer_joined(t, peer, NULL, &none, true);
}

#endif
