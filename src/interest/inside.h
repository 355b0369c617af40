/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_INSIDE_H
#define CONJURE_SRC_INTEREST_INSIDE_H

#include "conjure/base/id_map.h"
#include "conjure/interest/table.h"
#include "interest/rarity.h"

/* The InterestTable's own structs: table.c keeps peers and pieces, claims.c started pieces and
 * claims, pick.c searches. */

enum claim_source {
    FROM_UNKNOWN, /* not requested yet */
    FROM_LEECHER,
    FROM_SEEDER,
};

/* A claim that is out. In three lists: of all by age, of its peer, of its piece. */
struct claim_out {
    struct claim claim; /* .blocks: those that it holds, at least one */
    enum claim_source source;
    struct row *row;
    struct started *started;
    struct claim_out *older, *newer;
    struct claim_out *next_of_row;
    struct claim_out *next_of_piece;
};

/* Only pieces that are under way have anything per block: three bits. A block is stored, or held by
 * one claim, or held by two, or free. */
struct started {
    uint32_t piece;
    uint32_t n_blocks;
    uint32_t n_stored;
    uint32_t n_free;
    uint32_t partial_at; /* index in table.partial while n_free > 0 */
    bool suspect;        /* it failed: one peer alone */
    bool owned;          /* ...and that is */
    uint32_t owner;      /* this one */
    struct claim_out *claims;
    uint32_t n_words;
    uint64_t *stored, *held, *twice; /* n_words each, in one allocation after this struct */
    uint64_t words[];
};

#define SUGGESTED_MAX 8

/* A peer. */
struct row {
    uint32_t id;
    uint32_t at; /* index in table.rows */
    void *user;
    bool has_all;        /* then no bitfield, and availability counts it in table.n_seeds */
    struct bitfield has; /* bytes NULL: nothing yet */
    uint32_t n_useful;   /* missing pieces it has; of a has_all row not kept: all that miss */
    struct claim_out *claims;
    uint32_t suggested[SUGGESTED_MAX]; /* a ring */
    uint32_t n_suggested;              /* in all; the last SUGGESTED_MAX are kept */
};

struct interest_table {
    struct geometry geometry;
    struct rng *rng;
    struct bitfield have, wanted;
    struct bitfield missing; /* wanted and not verified */
    struct bitfield open;    /* missing and not started: what `rarity` has in its order */
    uint64_t verified_bytes, wanted_bytes;
    struct rarity rarity; /* availability of leechers; seeds are an offset */

    struct row **rows;
    uint32_t n_rows, rows_size;
    struct id_map row_by_id;
    uint32_t n_seeds; /* rows with has_all */

    struct id_map started; /* by piece */
    struct started **partial;
    uint32_t n_partial, partial_size;
    struct claim_out *oldest, *newest;
    uint64_t last_claim;
    uint64_t generation;

    struct interest_effect *effects; /* [effects_at, n_effects) */
    uint32_t effects_at, n_effects, effects_size;
};

static inline struct row *row_of(const struct interest_table *t, uint32_t peer)
{
    return id_map_get(&t->row_by_id, peer);
}
static inline bool row_has(const struct row *row, uint32_t piece)
{
    return row->has_all || (row->has.bytes && bitfield_test(&row->has, piece));
}
static inline uint32_t row_useful(const struct interest_table *t, const struct row *row)
{
    return row->has_all ? t->missing.n_set : row->n_useful;
}

/* table.c */
void table_add_effect(struct interest_table *t, struct interest_effect effect);

/* pick.c */
#define PIECE_NONE UINT32_MAX
/* A piece that is not started and that ROW has, or PIECE_NONE. */
uint32_t pick_new_piece(struct interest_table *t, const struct row *row);

/* claims.c */
void claims_piece_over(struct interest_table *t, uint32_t piece);
int claims_piece_suspect(struct interest_table *t, uint32_t piece); /* 0 or -ENOMEM */
void claims_drop_row(struct interest_table *t, struct row *row);
uint64_t claims_stored_bytes(const struct interest_table *t);
void claims_free_all(struct interest_table *t);

#endif
