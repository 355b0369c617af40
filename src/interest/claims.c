/* SPDX-License-Identifier: MIT */
/*
 * Started pieces and the claims on their blocks. The life of a block of a missing piece:
 *
 *                  NextPiece                  NextPiece (endgame)
 *          free ---------------> held by one --------------------> held by two
 *         ^  ^                    |   |   ^                          |     |
 *         |  |   ClaimReturned    |   |   |   one of ClaimReturned   |     |
 *         |  +--------------------+   |   +--------------------------+     |
 *         |                           |                                    |
 *         |                           | BlocksStored                       | BlocksStored:
 *         |       PieceFailed         v                                    | the other is cancelled
 *         +------------------------ stored <-------------------------------+
 *                                     |
 *                                     | PieceCompleted
 *                                     v
 *                                  verified
 *
 * FS alone says what is on disk, and ClaimReturned (or PeerLeft) alone makes a block free again
 * that is not. A peer returns a claim after FS has answered its StoreBlocks, and FS sends
 * BlocksStored before that answer; so BlocksStored arrives first (guarantee E of
 * conjure/msg/channel.h), and what the claim still holds then is not on disk. FS sends the verdict
 * on a piece after BlocksStored of its last block (guarantee A), so no claim holds a block of it
 * then. A claim ends when it holds nothing more; returning it after that has no effect.
 *
 * A block may be stored after PieceFailed: a peer that lost it in endgame had received it
 * nevertheless. It counts as any other, whether it is free or held by then.
 *
 * ENDGAME begins when no block that anybody has is free any more. A peer with nothing to do then
 * gets blocks of somebody else's oldest claim, and of a long one only the second half: the first
 * holder works from the front, so the two share the rest instead of racing for all of it. Leechers
 * are doubted before seeders: they choke more.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "conjure/base/alloc.h"
#include "interest/inside.h"

#define NOT_PARTIAL  UINT32_MAX
#define SHARE_BLOCKS 8 /* shorter claims are given out again whole */

/* --- words of bits -------------------------------------------------------------------------- */

static uint64_t low_bits(uint32_t n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* The 64 bits from AT on; those past the end are 0. */
static uint64_t bits_get(const uint64_t *words, uint32_t n_words, uint32_t at)
{
    uint32_t w = at / 64, shift = at % 64;
    uint64_t x = w < n_words ? words[w] >> shift : 0;

    if (shift && w + 1 < n_words)
        x |= words[w + 1] << (64 - shift);
    return x;
}

static void bits_set(uint64_t *words, uint32_t n_words, uint32_t at, uint64_t bits)
{
    uint32_t w = at / 64, shift = at % 64;

    if (w < n_words)
        words[w] |= bits << shift;
    if (shift && w + 1 < n_words)
        words[w + 1] |= bits >> (64 - shift);
}

static void bits_clear(uint64_t *words, uint32_t n_words, uint32_t at, uint64_t bits)
{
    uint32_t w = at / 64, shift = at % 64;

    if (w < n_words)
        words[w] &= ~(bits << shift);
    if (shift && w + 1 < n_words)
        words[w + 1] &= ~(bits >> (64 - shift));
}

static uint32_t n_bits(uint64_t bits)
{
    return (uint32_t)__builtin_popcountll(bits);
}

/* --- started pieces -------------------------------------------------------------------------- */

static void set_n_free(struct interest_table *t, struct started *s, uint32_t n_free)
{
    if (n_free && s->partial_at == NOT_PARTIAL) {
        if (t->n_partial == t->partial_size) {
            t->partial_size = t->partial_size ? t->partial_size * 2 : 8;
            t->partial = mem_resize(t->partial, t->partial_size, sizeof(struct started *));
        }
        s->partial_at = t->n_partial;
        t->partial[t->n_partial++] = s;
    } else if (!n_free && s->partial_at != NOT_PARTIAL) {
        t->partial[s->partial_at] = t->partial[--t->n_partial];
        t->partial[s->partial_at]->partial_at = s->partial_at;
        s->partial_at = NOT_PARTIAL;
    }
    s->n_free = n_free;
}

static struct started *start(struct interest_table *t, uint32_t piece)
{
    uint32_t n_blocks = geometry_n_blocks(&t->geometry, piece), n_words = (n_blocks + 63) / 64;
    struct started *s = calloc(1, sizeof *s + (size_t)n_words * 3 * sizeof(uint64_t));

    if (!s)
        return NULL;
    s->piece = piece;
    s->n_blocks = n_blocks;
    s->n_words = n_words;
    s->stored = s->words;
    s->held = s->words + n_words;
    s->twice = s->words + (size_t)n_words * 2;
    s->partial_at = NOT_PARTIAL;
    id_map_put(&t->started, piece, s);
    set_n_free(t, s, n_blocks);
    if (bitfield_clear(&t->open, piece))
        rarity_remove(&t->rarity, piece);
    return s;
}

/* BLOCKS, of which none is stored yet, are on disk. */
static void book_stored(struct interest_table *t, struct started *s, uint32_t first_block,
                        uint64_t blocks)
{
    uint32_t n_free = n_bits(blocks & ~bits_get(s->held, s->n_words, first_block));

    bits_set(s->stored, s->n_words, first_block, blocks);
    bits_clear(s->held, s->n_words, first_block, blocks);
    bits_clear(s->twice, s->n_words, first_block, blocks);
    s->n_stored += n_bits(blocks);
    set_n_free(t, s, s->n_free - n_free);
}

/* Those of BLOCKS that are not stored yet. */
static uint64_t not_stored(const struct started *s, uint32_t first_block, uint64_t blocks)
{
    assert(first_block < s->n_blocks);
    return blocks & low_bits(s->n_blocks - first_block) &
           ~bits_get(s->stored, s->n_words, first_block);
}

/* A missing piece as started, whether it was or not. NULL: no memory. */
static struct started *find_or_start(struct interest_table *t, uint32_t piece)
{
    struct started *s = id_map_get(&t->started, piece);

    return s ? s : start(t, piece);
}

void interest_table_add_stored(struct interest_table *t, const struct stored_blocks *stored)
{
    for (size_t i = 0; i < stored->n; i++) {
        const struct stored_run *run = &stored->runs[i];
        struct started *s;

        assert(run->piece < t->geometry.n_pieces && !t->n_rows);
        if (bitfield_test(&t->missing, run->piece) && (s = find_or_start(t, run->piece)))
            book_stored(t, s, run->first_block, not_stored(s, run->first_block, run->blocks));
    }
}

static void cancel(struct interest_table *t, const struct claim_out *c, uint64_t blocks)
{
    table_add_effect(t, (struct interest_effect){.kind = INTEREST_CANCEL,
                                                 .peer = c->row->id,
                                                 .user = c->row->user,
                                                 .piece = c->claim.piece,
                                                 .first_block = c->claim.first_block,
                                                 .blocks = blocks});
}

/* Takes C, which holds nothing more, out of its three lists and frees it. */
static void end_claim(struct interest_table *t, struct claim_out *c)
{
    struct started *s = c->started;
    struct claim_out **p = &c->row->claims;

    while (*p != c)
        p = &(*p)->next_of_row;
    *p = c->next_of_row;
    for (p = &s->claims; *p != c;)
        p = &(*p)->next_of_piece;
    *p = c->next_of_piece;
    *(c->older ? &c->older->newer : &t->oldest) = c->newer;
    *(c->newer ? &c->newer->older : &t->newest) = c->older;
    free(c);
    if (s->suspect && !s->claims)
        t->generation++; /* abandoned, unless its peer comes back for more */
}

void claims_piece_over(struct interest_table *t, uint32_t piece)
{
    struct started *s = id_map_remove(&t->started, piece);

    if (!s)
        return;
    /* Only if add_stored had no memory for the piece, and blocks were claimed that are on disk. */
    while (s->claims) {
        cancel(t, s->claims, s->claims->claim.blocks);
        end_claim(t, s->claims);
    }
    set_n_free(t, s, 0);
    free(s);
}

int claims_piece_suspect(struct interest_table *t, uint32_t piece)
{
    struct started *s = start(t, piece);

    if (!s)
        return -ENOMEM;
    s->suspect = true;
    return 0;
}

/* --- giving ---------------------------------------------------------------------------------- */

static bool is_endgame(const struct interest_table *t)
{
    const struct rarity *r = &t->rarity;

    /* What no peer has cannot be claimed and keeps nobody waiting. */
    if (r->n_order > (t->n_seeds ? 0 : r->bucket_end[0]))
        return false;
    for (uint32_t i = 0; i < t->n_partial; i++)
        if (interest_table_availability(t, t->partial[i]->piece))
            return false;
    return true;
}

/* After the last free block of a piece. */
static void look_for_endgame(struct interest_table *t)
{
    if (is_endgame(t))
        t->generation++; /* from now on the idle may have what others fetch */
}

static void give(struct interest_table *t, struct row *row, struct started *s, uint32_t first_block,
                 uint64_t blocks, struct claim *claimp)
{
    struct claim_out *c = NEW(struct claim_out);
    uint32_t shift = (uint32_t)__builtin_ctzll(blocks);

    first_block += shift;
    blocks >>= shift;
    c->claim = (struct claim){.id = ++t->last_claim,
                              .blocks = blocks,
                              .piece = s->piece,
                              .first_block = first_block,
                              .n_blocks = 64 - (uint32_t)__builtin_clzll(blocks)};
    c->row = row;
    c->started = s;
    c->next_of_row = row->claims;
    row->claims = c;
    c->next_of_piece = s->claims;
    s->claims = c;
    c->older = t->newest;
    *(t->newest ? &t->newest->newer : &t->oldest) = c;
    t->newest = c;
    *claimp = c->claim;
}

static bool give_free(struct interest_table *t, struct row *row, struct started *s,
                      uint32_t n_blocks, struct claim *claimp)
{
    uint32_t w = 0, first;
    uint64_t blocks;

    while (!~(s->stored[w] | s->held[w]))
        w++;
    first = w * 64 + (uint32_t)__builtin_ctzll(~(s->stored[w] | s->held[w]));
    if (n_blocks > s->n_blocks - first)
        n_blocks = s->n_blocks - first;
    blocks = ~(bits_get(s->stored, s->n_words, first) | bits_get(s->held, s->n_words, first)) &
             low_bits(n_blocks);
    if (s->suspect) {
        s->owned = true;
        s->owner = row->id;
    }
    bits_set(s->held, s->n_words, first, blocks);
    set_n_free(t, s, s->n_free - n_bits(blocks));
    give(t, row, s, first, blocks, claimp);
    if (!s->n_free)
        look_for_endgame(t);
    return true;
}

static bool give_again(struct interest_table *t, struct row *row, uint32_t n_blocks,
                       struct claim *claimp)
{
    for (int pass = 0; pass < 2; pass++) {
        for (struct claim_out *c = t->oldest; c; c = c->newer) {
            struct started *s = c->started;
            uint32_t first = c->claim.first_block, n;
            uint64_t blocks;

            if (s->suspect || c->row == row || (c->source == FROM_SEEDER) != (pass == 1) ||
                !row_has(row, s->piece))
                continue;
            blocks = c->claim.blocks & ~bits_get(s->twice, s->n_words, first);
            n = n_bits(blocks);
            if (!n)
                continue;
            if (n > SHARE_BLOCKS)
                for (n /= 2; n; n--)
                    blocks &= blocks - 1;
            blocks &= low_bits(n_blocks) << __builtin_ctzll(blocks);
            bits_set(s->twice, s->n_words, first, blocks);
            give(t, row, s, first, blocks, claimp);
            return true;
        }
    }
    return false;
}

/* The rarest partial piece with at least N_FREE free blocks that ROW has and may have; among equals
 * the one that is nearest to its end. */
static struct started *pick_partial(struct interest_table *t, const struct row *row,
                                    uint32_t n_free)
{
    struct started *best = NULL;
    uint32_t least = UINT32_MAX;

    for (uint32_t i = 0; i < t->n_partial; i++) {
        struct started *s = t->partial[i];
        uint32_t a = t->rarity.availability[s->piece];

        if (s->n_free < n_free || a > least || (a == least && s->n_free >= best->n_free) ||
            (s->suspect && s->owned && s->owner != row->id) || !row_has(row, s->piece))
            continue;
        best = s;
        least = a;
    }
    return best;
}

/* A suspect piece whose peer has left it lying. */
static struct started *pick_abandoned(struct interest_table *t, const struct row *row)
{
    for (uint32_t i = 0; i < t->n_partial; i++) {
        struct started *s = t->partial[i];

        if (s->suspect && !s->claims && row_has(row, s->piece))
            return s;
    }
    return NULL;
}

/* Whether more pieces lie about unfinished than there are peers to fetch them. */
static bool has_crumbs(const struct interest_table *t)
{
    return t->n_partial > t->n_rows + 1;
}

/* How many free blocks a partial piece must have for the peer to prefer it to a new one. A slow
 * peer takes any; a fast one what is worth half its claim, unless the crumbs have become many. */
static uint32_t n_free_worth(const struct interest_table *t, uint32_t n_blocks)
{
    uint32_t whole = (t->geometry.piece_length + BLOCK_SIZE - 1) / BLOCK_SIZE;

    if (n_blocks < CLAIM_BLOCKS_MAX || has_crumbs(t))
        return 1;
    whole = whole < n_blocks ? whole : n_blocks;
    return whole > 1 ? whole / 2 : 1;
}

/* A piece that is started comes first, unless this peer has one that is rarer: what only a seed
 * has is to come from the seed, and the rest of a piece from the leecher that we have the
 * beginning of. */
static struct started *pick(struct interest_table *t, struct row *row, uint32_t n_blocks)
{
    struct started *s = pick_partial(t, row, n_free_worth(t, n_blocks));
    uint32_t piece = s && has_crumbs(t) ? PIECE_NONE : pick_new_piece(t, row);

    if (piece != PIECE_NONE &&
        (!s || t->rarity.availability[piece] < t->rarity.availability[s->piece]))
        return start(t, piece);
    return s;
}

bool interest_table_next_piece(struct interest_table *t, uint32_t peer, uint32_t n_blocks,
                               struct claim *claimp)
{
    struct row *row = row_of(t, peer);
    struct started *s;
    uint32_t worth;

    assert(n_blocks >= 1 && n_blocks <= CLAIM_BLOCKS_MAX);
    if (!row || !row_useful(t, row))
        return false;
    worth = n_free_worth(t, n_blocks);
    s = pick(t, row, n_blocks);
    if (!s && worth > 1)
        s = pick_partial(t, row, 1);
    if (!s)
        s = pick_abandoned(t, row);
    if (s)
        return give_free(t, row, s, n_blocks, claimp);
    return is_endgame(t) && give_again(t, row, n_blocks, claimp);
}

/* --- coming back ----------------------------------------------------------------------------- */

static struct claim_out *find(const struct row *row, uint64_t id)
{
    struct claim_out *c = row ? row->claims : NULL;

    while (c && c->claim.id != id)
        c = c->next_of_row;
    return c;
}

void interest_table_requested(struct interest_table *t, uint32_t peer, uint64_t claim,
                              bool from_seeder)
{
    struct claim_out *c = find(row_of(t, peer), claim);

    if (c)
        c->source = from_seeder ? FROM_SEEDER : FROM_LEECHER;
}

/* The blocks that C still holds are not on disk. Those that no other claim holds become free. */
static void give_back(struct interest_table *t, struct claim_out *c)
{
    struct started *s = c->started;
    uint32_t first = c->claim.first_block;
    uint64_t both = c->claim.blocks & bits_get(s->twice, s->n_words, first);
    uint64_t freed = c->claim.blocks & ~both;

    bits_clear(s->twice, s->n_words, first, both);
    bits_clear(s->held, s->n_words, first, freed);
    set_n_free(t, s, s->n_free + n_bits(freed));
    t->generation++;
    end_claim(t, c);
}

void interest_table_claim_returned(struct interest_table *t, uint32_t peer, uint64_t claim)
{
    struct claim_out *c = find(row_of(t, peer), claim);

    if (c)
        give_back(t, c);
}

/* Those of BLOCKS, from FIRST_BLOCK on, that C holds: bits as in C. */
static uint64_t held_by(const struct claim_out *c, uint32_t first_block, uint64_t blocks)
{
    uint32_t at = c->claim.first_block;

    if (at >= first_block)
        blocks = at - first_block < 64 ? blocks >> (at - first_block) : 0;
    else
        blocks = first_block - at < 64 ? blocks << (first_block - at) : 0;
    return blocks & c->claim.blocks;
}

void interest_table_blocks_stored(struct interest_table *t, uint64_t claim, uint32_t piece,
                                  uint32_t first_block, uint64_t blocks)
{
    struct started *s;
    uint32_t n_free;

    assert(piece < t->geometry.n_pieces);
    if (!bitfield_test(&t->missing, piece) || !(s = find_or_start(t, piece)))
        return;
    n_free = s->n_free;
    blocks = not_stored(s, first_block, blocks);
    book_stored(t, s, first_block, blocks);
    if (n_free && !s->n_free)
        look_for_endgame(t);
    for (struct claim_out *c = s->claims, *next; c; c = next) {
        uint64_t ended = held_by(c, first_block, blocks);

        next = c->next_of_piece;
        if (!ended)
            continue;
        c->claim.blocks &= ~ended;
        if (c->claim.id != claim)
            cancel(t, c, ended);
        if (!c->claim.blocks)
            end_claim(t, c);
    }
}

void claims_drop_row(struct interest_table *t, struct row *row)
{
    while (row->claims)
        give_back(t, row->claims);
    /* Its number may be given to another peer. */
    for (uint32_t i = 0; i < t->n_partial; i++)
        if (t->partial[i]->owned && t->partial[i]->owner == row->id) {
            t->partial[i]->owned = false;
            t->generation++;
        }
}

uint64_t claims_stored_bytes(const struct interest_table *t)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < t->started.n_slots; i++) {
        const struct started *s = t->started.slots[i].value;
        uint64_t n = s ? (uint64_t)s->n_stored * BLOCK_SIZE : 0;

        /* A piece may end in a shorter block. */
        if (n > (s ? geometry_piece_size(&t->geometry, s->piece) : 0))
            n = geometry_piece_size(&t->geometry, s->piece);
        bytes += n;
    }
    return bytes;
}

void claims_free_all(struct interest_table *t)
{
    while (t->oldest) {
        struct claim_out *c = t->oldest;

        t->oldest = c->newer;
        free(c);
    }
    for (uint32_t i = 0; i < t->started.n_slots; i++)
        free(t->started.slots[i].value);
}
