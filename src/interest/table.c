/* SPDX-License-Identifier: MIT */
/*
 * Peers and pieces of the InterestTable.
 *
 * A piece is verified, unwanted or missing. A missing piece is either started (started.h) or in the
 * rarity order, so a search for a new piece visits only pieces that can be picked.
 *
 * A peer that has every piece is counted in n_seeds alone: it adds one to the availability of all
 * pieces and so changes no order. Every other peer's bitfield is counted piece by piece when it
 * joins and leaves; each HAVE is O(1).
 *
 * A peer is interesting while its n_useful, the number of missing pieces it has, is above 0. That
 * changes by one with a HAVE, and when a piece that the peer has is verified.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "interest/claims.h"
#include "interest/internal.h"

bool interest_table_next_effect(struct interest_table *t, struct interest_effect *effectp)
{
    return effects_next(&t->effects, effectp);
}

static void add_interest_effect(struct interest_table *t, const struct row *row,
                                enum interest_effect_kind kind)
{
    effects_add(&t->effects,
                (struct interest_effect){.kind = kind, .peer = row->id, .user = row->user});
}

/* --- making and freeing -------------------------------------------------------------------- */

static void count_wanted(struct interest_table *t)
{
    for (uint32_t i = 0; i < t->geometry.n_pieces; i++) {
        uint32_t size = geometry_piece_size(&t->geometry, i);

        if (!bitfield_test(&t->wanted, i))
            continue;
        t->wanted_bytes += size;
        if (bitfield_test(&t->have, i))
            t->verified_bytes += size;
        else
            bitfield_set(&t->missing, i);
    }
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
    count_wanted(t);
    rarity_fill(&t->rarity, &t->missing, t->rng);
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
    for (size_t i = 0; i < t->n_rows; i++)
        row_free(t->rows[i]);
    free(t->rows);
    effects_deinit(&t->effects);
    id_map_deinit(&t->row_by_id);
    started_pieces_deinit(&t->started);
    rarity_deinit(&t->rarity);
    bitfield_deinit(&t->have);
    bitfield_deinit(&t->wanted);
    bitfield_deinit(&t->missing);
    free(t);
}

void interest_table_set_padding(struct interest_table *t, padding_of *padding, const void *user)
{
    t->padding = padding;
    t->padding_user = user;
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
    *row = (struct row){.id = peer, .at = (uint32_t)t->n_rows, .user = user, .has_all = has_all};
    if (has->bytes) {
        assert(has->n_bits == t->geometry.n_pieces);
        if (bitfield_all(has))
            row->has_all = true;
        if (row->has_all)
            bitfield_deinit(has);
        row->has = *has;
        *has = BITFIELD_EMPTY;
    }
    mem_reserve(&t->rows, &t->rows_room, t->n_rows + 1, sizeof(struct row *));
    t->rows[t->n_rows++] = row;
    id_map_put(&t->row_by_id, peer, row);
    if (row->has_all) {
        t->n_seeds++;
    } else if (row->has.n_set) {
        count_pieces(t, &row->has, rarity_more);
        row->n_useful = count_common(&row->has, &t->missing);
    }
    if (row_n_useful(t, row))
        add_interest_effect(t, row, INTEREST_BEGINS);
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
        return false; /* no memory: as if the peer did not have the piece */
    if (!bitfield_set(&row->has, piece))
        return false;
    rarity_more(&t->rarity, piece);
    if (!bitfield_test(&t->missing, piece))
        return false;
    if (row->n_useful++ == 0)
        add_interest_effect(t, row, INTEREST_BEGINS);
    return true;
}

bool interest_table_peer_got_pieces(struct interest_table *t, uint32_t peer,
                                    const struct bitfield *has)
{
    struct row *row = row_of(t, peer);
    size_t size = bitfield_size(t->geometry.n_pieces);
    bool useful = false;

    assert(!has || has->n_bits == t->geometry.n_pieces);
    if (!row || row->has_all || (row->has.bytes && bitfield_all(&row->has)))
        return false;
    if (!row->has.bytes && bitfield_init(&row->has, t->geometry.n_pieces))
        return false;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)((has ? has->bytes[i] : 0xff) & ~row->has.bytes[i]);

        for (uint32_t piece = (uint32_t)i * 8; byte; byte = (uint8_t)(byte << 1), piece++)
            if (byte & 0x80 && piece < t->geometry.n_pieces)
                useful |= interest_table_peer_got_piece(t, peer, piece);
    }
    return useful;
}

/* A seed that rejects a piece gets a bitfield: O(pieces), once for each peer. */
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
        add_interest_effect(t, row, INTEREST_ENDS);
}

void interest_table_suggested(struct interest_table *t, uint32_t peer, uint32_t piece)
{
    struct row *row = row_of(t, peer);

    assert(piece < t->geometry.n_pieces);
    if (row)
        row->suggested[row->n_suggested++ % SUGGESTED_MAX] = piece;
}

void *interest_table_next_peer_without(const struct interest_table *t, uint32_t piece,
                                       uint32_t *cursorp)
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

void interest_table_add_stored(struct interest_table *t, const struct stored_blocks *stored)
{
    for (size_t i = 0; i < stored->n; i++) {
        const struct stored_run *run = &stored->runs[i];
        struct started *s;

        assert(run->piece < t->geometry.n_pieces && !t->n_rows);
        if (bitfield_test(&t->missing, run->piece) && (s = table_start(t, run->piece)))
            started_store(&t->started, s, run->first_block, run->blocks);
    }
}

/* FS has checked PIECE. Claims still hold blocks of it only if table_start had no memory when their
 * blocks were stored. */
static void end_started(struct interest_table *t, uint32_t piece)
{
    struct started *s = started_find(&t->started, piece);

    if (!s)
        return;
    claims_drop_piece(t, s);
    started_remove(&t->started, s);
}

bool interest_table_piece_completed(struct interest_table *t, uint32_t piece)
{
    assert(piece < t->geometry.n_pieces);
    if (!bitfield_set(&t->have, piece))
        return false;
    end_started(t, piece);
    rarity_remove(&t->rarity, piece);
    if (!bitfield_clear(&t->missing, piece))
        return true; /* not wanted */
    t->verified_bytes += geometry_piece_size(&t->geometry, piece);
    for (size_t i = 0; i < t->n_rows; i++) {
        struct row *row = t->rows[i];

        if (row->has_all ? !t->missing.n_set : row_has(row, piece) && --row->n_useful == 0)
            add_interest_effect(t, row, INTEREST_ENDS);
    }
    return true;
}

/* PIECE is wanted and not verified. */
static void add_missing(struct interest_table *t, uint32_t piece)
{
    if (!bitfield_set(&t->missing, piece))
        return;
    for (size_t i = 0; i < t->n_rows; i++) {
        struct row *row = t->rows[i];

        if (row->has_all ? t->missing.n_set == 1 : row_has(row, piece) && row->n_useful++ == 0)
            add_interest_effect(t, row, INTEREST_BEGINS);
    }
}

void interest_table_piece_failed(struct interest_table *t, uint32_t piece)
{
    struct started *s;

    assert(piece < t->geometry.n_pieces);
    end_started(t, piece);
    if (bitfield_clear(&t->have, piece) && bitfield_test(&t->wanted, piece))
        t->verified_bytes -= geometry_piece_size(&t->geometry, piece);
    if (!bitfield_test(&t->wanted, piece))
        return;
    add_missing(t, piece);
    s = table_start(t, piece);
    if (s)
        s->suspect = true;
    else
        rarity_insert(&t->rarity, piece); /* no memory: as if it had not failed */
    t->generation++;
}

/* --- numbers ------------------------------------------------------------------------------- */

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
                                 .n_peers = (uint32_t)t->n_rows,
                                 .n_seeders = t->n_seeds};

    for (size_t i = 0; i < t->n_rows; i++)
        p.n_seeders +=
            !t->rows[i]->has_all && t->rows[i]->has.bytes && bitfield_all(&t->rows[i]->has);
    p.stored = started_stored_bytes(&t->started, &t->geometry);
    for (uint32_t i = 0; i < n_pieces; i++) {
        uint32_t a = t->rarity.availability[i];

        n_least = a < least ? 1 : n_least + (a == least);
        least = a < least ? a : least;
    }
    if (n_pieces)
        p.availability = t->n_seeds + least + (double)(n_pieces - n_least) / n_pieces;
    return p;
}
