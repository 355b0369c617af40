/* SPDX-License-Identifier: MIT */
/*
 * Peers and pieces of the InterestTable.
 *
 * A piece is verified, unwanted, or missing; a missing one is started (claims.c) or open. Only open
 * pieces stand in the rarity order, so that a search steps over nothing that cannot be picked.
 *
 * A peer that has everything touches no piece: it is one in n_seeds, which shifts the availability
 * of all pieces and so changes no order. Every other peer's bitfield is counted piece by piece when
 * it joins and leaves; after that each HAVE is O(1).
 *
 * Whether a peer is interesting is a count: n_useful, the missing pieces it has. It moves by one
 * with a HAVE, and for each peer that has it when a piece is verified.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "interest/inside.h"

void table_add_effect(struct interest_table *t, struct interest_effect effect)
{
    if (t->n_effects == t->effects_size) {
        t->effects_size = t->effects_size ? t->effects_size * 2 : 16;
        t->effects = mem_resize(t->effects, t->effects_size, sizeof *t->effects);
    }
    t->effects[t->n_effects++] = effect;
}

bool interest_table_next_effect(struct interest_table *t, struct interest_effect *effectp)
{
    if (t->effects_at == t->n_effects) {
        t->effects_at = t->n_effects = 0;
        return false;
    }
    *effectp = t->effects[t->effects_at++];
    return true;
}

static void say_interest(struct interest_table *t, const struct row *row, bool begins)
{
    table_add_effect(t, (struct interest_effect){.kind = begins ? INTEREST_BEGINS : INTEREST_ENDS,
                                                 .peer = row->id,
                                                 .user = row->user});
}

/* --- making and freeing -------------------------------------------------------------------- */

/* The order starts shuffled: equals stand in random order from the first pick on. */
static void fill_order(struct interest_table *t)
{
    struct rarity *r = &t->rarity;
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->geometry.n_pieces; i++) {
        uint32_t size = geometry_piece_size(&t->geometry, i);

        if (!bitfield_test(&t->wanted, i))
            continue;
        t->wanted_bytes += size;
        if (bitfield_test(&t->have, i)) {
            t->verified_bytes += size;
            continue;
        }
        bitfield_set(&t->missing, i);
        bitfield_set(&t->open, i);
        r->order[n++] = i;
    }
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = rng_below(t->rng, i), piece = r->order[j];

        r->order[j] = r->order[i - 1];
        r->order[i - 1] = piece;
    }
    for (uint32_t i = 0; i < n; i++)
        r->position[r->order[i]] = i;
    r->n_order = r->bucket_end[0] = n;
}

struct interest_table *interest_table_new(const struct geometry *g, const struct bitfield *wanted,
                                          struct bitfield *have, struct rng *rng)
{
    struct interest_table *t = NEW(struct interest_table);
    int r;

    assert(have->n_bits == g->n_pieces &&
           (!wanted || !wanted->bytes || wanted->n_bits == g->n_pieces));
    t->geometry = *g;
    t->rng = rng;
    r = rarity_init(&t->rarity, g->n_pieces);
    if (!r)
        r = bitfield_init(&t->missing, g->n_pieces);
    if (!r)
        r = bitfield_init(&t->open, g->n_pieces);
    if (!r && wanted && wanted->bytes) {
        r = bitfield_copy(&t->wanted, wanted);
    } else if (!r) {
        r = bitfield_init(&t->wanted, g->n_pieces);
        if (!r)
            bitfield_set_all(&t->wanted);
    }
    if (r) {
        interest_table_free(t);
        return NULL;
    }
    t->have = *have;
    *have = BITFIELD_EMPTY;
    fill_order(t);
    return t;
}

static void row_free(struct row *row)
{
    bitfield_deinit(&row->has);
    free(row);
}

void interest_table_free(struct interest_table *t)
{
    if (!t)
        return;
    claims_free_all(t);
    for (uint32_t i = 0; i < t->n_rows; i++)
        row_free(t->rows[i]);
    free(t->rows);
    free(t->partial);
    free(t->effects);
    id_map_deinit(&t->row_by_id);
    id_map_deinit(&t->started);
    rarity_deinit(&t->rarity);
    bitfield_deinit(&t->have);
    bitfield_deinit(&t->wanted);
    bitfield_deinit(&t->missing);
    bitfield_deinit(&t->open);
    free(t);
}

/* --- peers --------------------------------------------------------------------------------- */

/* Calls RARITY_STEP for every piece of a bitfield. */
static void count_pieces(struct interest_table *t, const struct bitfield *has,
                         void (*rarity_step)(struct rarity *, uint32_t))
{
    size_t size = bitfield_size(has->n_bits);

    for (size_t i = 0; i < size; i++) {
        for (uint8_t byte = has->bytes[i]; byte;) {
            unsigned bit = (unsigned)__builtin_clz(byte) - 24;

            byte = (uint8_t)(byte & ~(0x80 >> bit));
            rarity_step(&t->rarity, (uint32_t)(i * 8 + bit));
        }
    }
}

static uint32_t count_common(const struct bitfield *a, const struct bitfield *b)
{
    size_t size = bitfield_size(a->n_bits), i = 0;
    uint32_t n = 0;

    for (; i + 8 <= size; i += 8) {
        uint64_t x, y;

        memcpy(&x, a->bytes + i, 8);
        memcpy(&y, b->bytes + i, 8);
        n += (uint32_t)__builtin_popcountll(x & y);
    }
    for (; i < size; i++)
        n += (uint32_t)__builtin_popcount(a->bytes[i] & b->bytes[i]);
    return n;
}

void interest_table_peer_joined(struct interest_table *t, uint32_t peer, void *user,
                                struct bitfield *has, bool has_all)
{
    struct row *row = NEW(struct row);

    assert(!row_of(t, peer));
    *row = (struct row){.id = peer, .at = t->n_rows, .user = user, .has_all = has_all};
    if (has->bytes) {
        assert(has->n_bits == t->geometry.n_pieces);
        if (bitfield_all(has))
            row->has_all = true;
        if (row->has_all)
            bitfield_deinit(has);
        row->has = *has;
        *has = BITFIELD_EMPTY;
    }
    if (t->n_rows == t->rows_size) {
        t->rows_size = t->rows_size ? t->rows_size * 2 : 8;
        t->rows = mem_resize(t->rows, t->rows_size, sizeof(struct row *));
    }
    t->rows[t->n_rows++] = row;
    id_map_put(&t->row_by_id, peer, row);
    if (row->has_all) {
        t->n_seeds++;
    } else if (row->has.n_set) {
        count_pieces(t, &row->has, rarity_more);
        row->n_useful = count_common(&row->has, &t->missing);
    }
    if (row_useful(t, row))
        say_interest(t, row, true);
}

void interest_table_peer_left(struct interest_table *t, uint32_t peer)
{
    struct row *row = row_of(t, peer);

    if (!row)
        return;
    claims_drop_row(t, row);
    if (row->has_all)
        t->n_seeds--;
    else if (row->has.n_set)
        count_pieces(t, &row->has, rarity_less);
    t->rows[row->at] = t->rows[--t->n_rows];
    t->rows[row->at]->at = row->at;
    id_map_remove(&t->row_by_id, peer);
    row_free(row);
}

bool interest_table_peer_got_piece(struct interest_table *t, uint32_t peer, uint32_t piece)
{
    struct row *row = row_of(t, peer);

    assert(piece < t->geometry.n_pieces);
    if (!row || row->has_all)
        return false;
    if (!row->has.bytes && bitfield_init(&row->has, t->geometry.n_pieces))
        return false; /* without memory for it, the peer is worth that much less to us */
    if (!bitfield_set(&row->has, piece))
        return false;
    rarity_more(&t->rarity, piece);
    if (!bitfield_test(&t->missing, piece))
        return false;
    if (row->n_useful++ == 0)
        say_interest(t, row, true);
    return true;
}

/* A seed that does not give a piece has a bitfield from now on: the one case that is O(pieces). */
static int make_leecher(struct interest_table *t, struct row *row)
{
    int r = bitfield_init(&row->has, t->geometry.n_pieces);

    if (r)
        return r;
    bitfield_set_all(&row->has);
    row->has_all = false;
    row->n_useful = t->missing.n_set;
    t->n_seeds--;
    count_pieces(t, &row->has, rarity_more);
    return 0;
}

void interest_table_peer_lost_piece(struct interest_table *t, uint32_t peer, uint32_t piece)
{
    struct row *row = row_of(t, peer);

    assert(piece < t->geometry.n_pieces);
    if (!row || !row_has(row, piece) || (row->has_all && make_leecher(t, row)))
        return;
    bitfield_clear(&row->has, piece);
    rarity_less(&t->rarity, piece);
    if (bitfield_test(&t->missing, piece) && --row->n_useful == 0)
        say_interest(t, row, false);
}

void interest_table_suggested(struct interest_table *t, uint32_t peer, uint32_t piece)
{
    struct row *row = row_of(t, peer);

    assert(piece < t->geometry.n_pieces);
    if (row)
        row->suggested[row->n_suggested++ % SUGGESTED_MAX] = piece;
}

void *interest_table_next_lacking(const struct interest_table *t, uint32_t piece, uint32_t *cursorp)
{
    while (*cursorp < t->n_rows) {
        const struct row *row = t->rows[(*cursorp)++];

        if (!row_has(row, piece))
            return row->user;
    }
    return NULL;
}

/* --- pieces -------------------------------------------------------------------------------- */

bool interest_table_have_piece(const struct interest_table *t, uint32_t piece)
{
    return piece < t->geometry.n_pieces && bitfield_test(&t->have, piece);
}

bool interest_table_is_complete(const struct interest_table *t)
{
    return !t->missing.n_set;
}

uint32_t interest_table_n_verified(const struct interest_table *t)
{
    return t->have.n_set;
}

bool interest_table_piece_completed(struct interest_table *t, uint32_t piece)
{
    assert(piece < t->geometry.n_pieces);
    if (!bitfield_set(&t->have, piece))
        return false;
    claims_piece_over(t, piece);
    if (bitfield_clear(&t->open, piece))
        rarity_remove(&t->rarity, piece);
    if (!bitfield_clear(&t->missing, piece))
        return true; /* nobody wanted it */
    t->verified_bytes += geometry_piece_size(&t->geometry, piece);
    for (uint32_t i = 0; i < t->n_rows; i++) {
        struct row *row = t->rows[i];

        if (row->has_all ? !t->missing.n_set : row_has(row, piece) && --row->n_useful == 0)
            say_interest(t, row, false);
    }
    return true;
}

void interest_table_piece_failed(struct interest_table *t, uint32_t piece)
{
    assert(piece < t->geometry.n_pieces);
    claims_piece_over(t, piece);
    if (bitfield_clear(&t->have, piece) && bitfield_test(&t->wanted, piece))
        t->verified_bytes -= geometry_piece_size(&t->geometry, piece);
    if (!bitfield_test(&t->wanted, piece))
        return;
    if (bitfield_set(&t->missing, piece)) {
        for (uint32_t i = 0; i < t->n_rows; i++) {
            struct row *row = t->rows[i];

            if (row->has_all ? t->missing.n_set == 1 : row_has(row, piece) && row->n_useful++ == 0)
                say_interest(t, row, true);
        }
    }
    if (!claims_piece_suspect(t, piece)) {
        if (bitfield_clear(&t->open, piece))
            rarity_remove(&t->rarity, piece);
    } else if (bitfield_set(&t->open, piece)) {
        rarity_insert(&t->rarity, piece);
    }
    t->generation++;
}

/* --- numbers ------------------------------------------------------------------------------- */

uint32_t interest_table_availability(const struct interest_table *t, uint32_t piece)
{
    return t->n_seeds + t->rarity.availability[piece];
}

uint64_t interest_table_generation(const struct interest_table *t)
{
    return t->generation;
}

struct interest_numbers interest_table_progress(const struct interest_table *t)
{
    uint32_t n_pieces = t->geometry.n_pieces, least = UINT32_MAX, n_least = 0;
    struct interest_numbers p = {.verified = t->verified_bytes,
                                 .wanted = t->wanted_bytes,
                                 .n_verified = t->have.n_set,
                                 .n_peers = t->n_rows,
                                 .n_seeders = t->n_seeds};

    for (uint32_t i = 0; i < t->n_rows; i++)
        p.n_seeders +=
            !t->rows[i]->has_all && t->rows[i]->has.bytes && bitfield_all(&t->rows[i]->has);
    p.stored = claims_stored_bytes(t);
    for (uint32_t i = 0; i < n_pieces; i++) {
        uint32_t a = t->rarity.availability[i];

        n_least = a < least ? 1 : n_least + (a == least);
        least = a < least ? a : least;
    }
    if (n_pieces)
        p.availability = t->n_seeds + least + (double)(n_pieces - n_least) / n_pieces;
    return p;
}
