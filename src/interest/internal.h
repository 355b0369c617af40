/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_INTERNAL_H
#define CONJURE_SRC_INTEREST_INTERNAL_H

#include "conjure/base/id_map.h"
#include "conjure/interest/table.h"
#include "interest/effects.h"
#include "interest/rarity.h"
#include "interest/started.h"

/* The InterestTable. table.c is on top: peers and pieces; claims.c gives claims and takes them
 * back, pick.c searches for a piece to claim. */

#define SUGGESTED_MAX 8

/* A peer. */
struct row {
    uint32_t id;
    uint32_t at; /* index in interest_table.rows */
    void *user;
    bool has_all;                /* no bitfield then; n_seeds counts it, not the availability */
    struct bitfield has;         /* bytes NULL: nothing yet */
    uint32_t n_useful;           /* missing pieces it has; unused if has_all */
    struct active_claim *claims; /* of this peer; belongs to claims.c */
    uint64_t block_ns;           /* average time of a block in its claims so far; 0: unknown */
    uint32_t suggested[SUGGESTED_MAX]; /* a ring */
    uint32_t n_suggested;              /* in all; the last SUGGESTED_MAX are kept */
};

struct interest_table {
    struct geometry geometry;
    struct rng *rng;
    struct bitfield have, wanted;
    struct bitfield missing; /* wanted and not verified */
    uint64_t verified_bytes, wanted_bytes;
    struct rarity rarity; /* of leechers; its order: missing pieces, not started */

    struct row **rows;
    size_t n_rows, rows_room;
    struct id_map row_by_id;
    uint32_t n_seeds; /* rows with has_all */

    struct started_pieces started;
    struct active_claim *oldest, *newest;
    uint64_t last_claim;
    uint64_t generation;
    padding_of *padding; /* or NULL */
    const void *padding_user;
    uint64_t now, swept_ns;        /* by interest_table_tick */
    bool any_overdue, was_endgame; /* at the last sweep */

    struct effects effects;
};

static inline struct row *row_of(const struct interest_table *t, uint32_t peer)
{
    return id_map_get(&t->row_by_id, peer);
}
static inline bool row_has(const struct row *row, uint32_t piece)
{
    return row->has_all || (row->has.bytes && bitfield_test(&row->has, piece));
}
static inline uint32_t row_n_useful(const struct interest_table *t, const struct row *row)
{
    return row->has_all ? t->missing.n_set : row->n_useful;
}
/* How many peers have PIECE. */
static inline uint32_t table_availability(const struct interest_table *t, uint32_t piece)
{
    return t->n_seeds + t->rarity.availability[piece];
}

/* Returns the started piece PIECE, which is missing; starts it if needed. NULL when memory is
 * short. */
static inline struct started *table_start(struct interest_table *t, uint32_t piece)
{
    struct started *s = started_find(&t->started, piece);

    if (s || !(s = started_add(&t->started, piece, geometry_n_blocks(&t->geometry, piece))))
        return s;
    rarity_remove(&t->rarity, piece);
    for (uint32_t first = 0; t->padding && first < s->n_blocks; first += 64)
        started_store(&t->started, s, first, t->padding(t->padding_user, piece, first));
    return s;
}

#endif
