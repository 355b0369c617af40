/* SPDX-License-Identifier: MIT */
/*
 * Active claims. The states of a block of a missing piece:
 *
 *                  NextPiece                  NextPiece (endgame)
 *          free ---------------> held by one --------------------> held by two
 *         ^  ^                    |   |   ^                          |     |
 *         |  |   ClaimReturned    |   |   |  ClaimReturned by one    |     |
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
 * Only FS reports which blocks are on disk. Other blocks become free when their claim is returned
 * or revoked (see OVERDUE), or when their peer leaves. A
 * peer returns a claim after FS has answered its StoreBlocks, and FS sends BlocksStored before that
 * answer; so BlocksStored arrives first (guarantee E of conjure/msg/channel.h), and a returned
 * claim holds only blocks that are not on disk. FS sends the verdict on a piece after BlocksStored
 * of its last block (guarantee A), so no claim holds a block of it then. A claim ends when it holds
 * no more blocks; returning it after that has no effect.
 *
 * A block may be stored after PieceFailed: two peers had received it in endgame, and FS wrote the
 * second copy after the verdict. It counts as stored, whether it is free or held by then.
 *
 * ENDGAME. A peer that has claims is active. One without claims chokes us, or it would have claimed
 * a free block. Endgame begins when no active peer has a free block, but for those of suspect
 * pieces, which one peer alone may claim. An idle peer then gets blocks of the oldest claim of
 * another peer, and of a long claim only the second half: the first holder works from the front, so
 * the two share the rest instead of racing for all of it. Claims of leechers are shared before
 * those of seeders, because leechers choke more.
 *
 * OVERDUE. A claim is overdue when it takes much longer than its peer's earlier claims did, at the
 * latest after OVERDUE_MAX_NS. Then it is shared outside endgame, too. If both holders of its
 * blocks are overdue, an idle peer takes the place of one. A suspect piece changes its owner in the
 * same way. So a peer that stops sending, or sends a block now and then, holds nothing up for
 * longer.
 */
#include "interest/claims.h"

#include <assert.h>
#include <stdlib.h>

#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "interest/bits.h"
#include "interest/internal.h"
#include "interest/pick.h"

#define SHARE_BLOCKS 8  /* a claim of at most this many blocks is shared whole */
#define FEW_PIECES   64 /* with more new pieces than this that a peer has, there is no endgame */

#define SWEEP_NS       NS_PER_S
#define OVERDUE_MIN_NS (5 * NS_PER_S)
#define OVERDUE_MAX_NS (30 * NS_PER_S)
#define OVERDUE_TIMES  4 /* overdue after so many times the average of the peer */

/* A claim is in three lists: of all claims by age, of its peer's, of its piece's. */
struct active_claim {
    struct claim claim; /* .blocks: the blocks that it holds, at least one */
    enum claim_source source;
    struct row *row;
    struct started *started;
    uint64_t began_ns;
    uint32_t n_claimed; /* blocks at the beginning */
    bool overdue;
    struct active_claim *older, *newer;
    struct active_claim *next_of_row;
    struct active_claim *next_of_piece;
};

/* --- claiming -------------------------------------------------------------------------------- */

static bool any_active_has(const struct interest_table *t, uint32_t piece)
{
    for (size_t i = 0; i < t->n_rows; i++)
        if (t->rows[i]->claims && row_has(t->rows[i], piece))
            return true;
    return false;
}

static bool is_endgame(const struct interest_table *t)
{
    const struct rarity *r = &t->rarity;
    /* Before FIRST are the pieces that no peer has. */
    uint32_t first = t->n_seeds || !r->n_buckets ? 0 : r->bucket_end[0];

    if (r->n_order > first + FEW_PIECES)
        return false;
    for (uint32_t i = first; i < r->n_order; i++)
        if (any_active_has(t, r->order[i]))
            return false;
    for (size_t i = 0; i < t->started.n_partial; i++) {
        const struct started *s = t->started.partial[i];

        if (!s->suspect && any_active_has(t, s->piece))
            return false;
    }
    return true;
}

/* The last free block of a piece was claimed or stored. If endgame begins, idle peers may claim
 * held blocks. */
static void check_for_endgame(struct interest_table *t)
{
    if (is_endgame(t))
        t->generation++;
}

static void add_claim(struct interest_table *t, struct row *row, struct started *s,
                      uint32_t first_block, uint64_t blocks, struct claim *claimp)
{
    struct active_claim *c = NEW(struct active_claim);
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
    c->began_ns = t->now;
    c->n_claimed = bits_count(blocks);
    c->next_of_row = row->claims;
    row->claims = c;
    c->next_of_piece = s->claims;
    s->claims = c;
    c->older = t->newest;
    *(t->newest ? &t->newest->newer : &t->oldest) = c;
    t->newest = c;
    *claimp = c->claim;
}

static void claim_free_blocks(struct interest_table *t, struct row *row, struct started *s,
                              uint32_t n_blocks, struct claim *claimp)
{
    uint32_t first;
    uint64_t blocks = started_next_free(s, n_blocks, &first);

    if (s->suspect) {
        s->owned = true;
        s->owner = row->id;
    }
    started_hold(&t->started, s, first, blocks);
    add_claim(t, row, s, first, blocks, claimp);
    if (!s->n_free)
        check_for_endgame(t);
}

enum sharing {
    SHARE_ANY, /* endgame */
    SHARE_OVERDUE,
};

/* Whether ROW may claim blocks that C holds. */
static bool may_share(const struct active_claim *c, const struct row *row, enum sharing sharing)
{
    const struct started *s = c->started;

    return c->row != row && !s->suspect && (sharing == SHARE_ANY || c->overdue) &&
           row_has(row, s->piece) && started_held_once(s, c->claim.first_block, c->claim.blocks);
}

static struct active_claim *find_shareable(const struct interest_table *t, const struct row *row,
                                           enum sharing sharing, enum claim_source source)
{
    for (struct active_claim *c = t->oldest; c; c = c->newer)
        if (c->source == source && may_share(c, row, sharing))
            return c;
    return NULL;
}

static bool share_claim(struct interest_table *t, struct row *row, enum sharing sharing,
                        uint32_t n_blocks, struct claim *claimp)
{
    struct active_claim *c = find_shareable(t, row, sharing, CLAIM_FROM_LEECHER);
    uint32_t first, n;
    uint64_t blocks;

    if (!c)
        c = find_shareable(t, row, sharing, CLAIM_FROM_SEEDER);
    if (!c)
        return false;
    first = c->claim.first_block;
    blocks = started_held_once(c->started, first, c->claim.blocks);
    n = bits_count(blocks);
    if (n > SHARE_BLOCKS)
        for (n /= 2; n; n--)
            blocks &= blocks - 1; /* the lowest one */
    blocks &= bits_low(n_blocks) << __builtin_ctzll(blocks);
    started_hold_again(c->started, first, blocks);
    add_claim(t, row, c->started, first, blocks, claimp);
    return true;
}

/* --- ending ---------------------------------------------------------------------------------- */

static struct active_claim *find(const struct row *row, uint64_t id)
{
    struct active_claim *c = row ? row->claims : NULL;

    while (c && c->claim.id != id)
        c = c->next_of_row;
    return c;
}

void interest_table_requested(struct interest_table *t, uint32_t peer, uint64_t claim,
                              enum claim_source source)
{
    struct active_claim *c = find(row_of(t, peer), claim);

    if (c)
        c->source = source;
}

static void cancel(struct interest_table *t, const struct active_claim *c, uint64_t blocks)
{
    effects_add(&t->effects, (struct interest_effect){.kind = INTEREST_CANCEL,
                                                      .peer = c->row->id,
                                                      .user = c->row->user,
                                                      .piece = c->claim.piece,
                                                      .first_block = c->claim.first_block,
                                                      .blocks = blocks});
}

/* Takes C, which holds no more blocks, out of its three lists and frees it. */
static void end_claim(struct interest_table *t, struct active_claim *c)
{
    struct started *s = c->started;
    struct active_claim **p = &c->row->claims;

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
        t->generation++; /* another peer may claim it now */
}

/* Releases the blocks that C still holds, and ends it. Those that no other claim holds are free. */
static void release_claim(struct interest_table *t, struct active_claim *c)
{
    started_release(&t->started, c->started, c->claim.first_block, c->claim.blocks);
    t->generation++;
    end_claim(t, c);
}

void interest_table_claim_returned(struct interest_table *t, uint32_t peer, uint64_t claim)
{
    struct active_claim *c = find(row_of(t, peer), claim);

    if (c)
        release_claim(t, c);
}

/* --- NextPiece ------------------------------------------------------------------------------- */

static bool holds_any_of(const struct row *row, const struct claim *c)
{
    for (const struct active_claim *own = row->claims; own; own = own->next_of_row)
        if (own->claim.piece == c->piece &&
            bits_rebase(own->claim.blocks, own->claim.first_block, c->first_block) & c->blocks)
            return true;
    return false;
}

/* Whether C is overdue, and every other claim that holds blocks of it as well. */
static bool are_overdue(const struct active_claim *c)
{
    for (const struct active_claim *other = c->started->claims; other; other = other->next_of_piece)
        if (!other->overdue && holds_any_of(other->row, &c->claim))
            return false;
    return c->overdue;
}

/* Takes from another peer an overdue claim on blocks that ROW wants: they are free afterwards, or
 * held once. See OVERDUE. */
static bool revoke_overdue(struct interest_table *t, struct row *row)
{
    for (struct active_claim *c = t->oldest; c; c = c->newer) {
        struct started *s = c->started;

        if (!c->overdue || c->row == row || !row_has(row, s->piece) ||
            holds_any_of(row, &c->claim) || !are_overdue(c))
            continue;
        if (s->suspect) {
            s->owned = true;
            s->owner = row->id;
        }
        cancel(t, c, c->claim.blocks);
        release_claim(t, c);
        return true;
    }
    return false;
}

static bool claim(struct interest_table *t, struct row *row, uint32_t n_blocks,
                  struct claim *claimp)
{
    struct started *s = pick_piece(t, row, n_blocks);

    if (s)
        claim_free_blocks(t, row, s, n_blocks, claimp);
    return s || (is_endgame(t) && share_claim(t, row, SHARE_ANY, n_blocks, claimp)) ||
           (t->any_overdue && share_claim(t, row, SHARE_OVERDUE, n_blocks, claimp));
}

bool interest_table_next_piece(struct interest_table *t, uint32_t peer, uint32_t n_blocks,
                               struct claim *claimp)
{
    struct row *row = row_of(t, peer);

    assert(n_blocks >= 1 && n_blocks <= CLAIM_BLOCKS_MAX);
    if (!row || !row_n_useful(t, row))
        return false;
    return claim(t, row, n_blocks, claimp) ||
           (t->any_overdue && revoke_overdue(t, row) && claim(t, row, n_blocks, claimp));
}

static bool is_overdue(const struct interest_table *t, const struct active_claim *c)
{
    uint64_t limit = OVERDUE_TIMES * c->row->block_ns * c->n_claimed;

    if (!c->row->block_ns || limit > OVERDUE_MAX_NS)
        limit = OVERDUE_MAX_NS;
    return t->now - c->began_ns >= (limit > OVERDUE_MIN_NS ? limit : OVERDUE_MIN_NS);
}

void interest_table_tick(struct interest_table *t, uint64_t now)
{
    bool endgame;

    t->now = now;
    if (!t->oldest || now - t->swept_ns < SWEEP_NS)
        return;
    t->swept_ns = now;
    t->any_overdue = false;
    for (struct active_claim *c = t->oldest; c; c = c->newer) {
        if (!c->overdue && is_overdue(t, c)) {
            c->overdue = true;
            t->generation++;
        }
        t->any_overdue |= c->overdue;
    }
    /* It may have begun without a claim: a peer with free blocks is not active any more. */
    endgame = is_endgame(t);
    t->generation += endgame && !t->was_endgame;
    t->was_endgame = endgame;
}

/* --- FS's reports ---------------------------------------------------------------------------- */

/* C ends because all its blocks are on disk. */
static void measure(const struct interest_table *t, const struct active_claim *c)
{
    uint64_t block_ns = (t->now - c->began_ns) / c->n_claimed;

    c->row->block_ns = c->row->block_ns ? (3 * c->row->block_ns + block_ns) / 4 : block_ns;
}

void interest_table_blocks_stored(struct interest_table *t, uint64_t claim, uint32_t piece,
                                  uint32_t first_block, uint64_t blocks)
{
    struct started *s;
    uint32_t n_free;

    assert(piece < t->geometry.n_pieces);
    if (!bitfield_test(&t->missing, piece) || !(s = table_start(t, piece)))
        return;
    n_free = s->n_free;
    blocks = started_store(&t->started, s, first_block, blocks);
    if (n_free && !s->n_free)
        check_for_endgame(t);
    for (struct active_claim *c = s->claims, *next; c; c = next) {
        uint64_t ended = c->claim.blocks & bits_rebase(blocks, first_block, c->claim.first_block);

        next = c->next_of_piece;
        if (!ended)
            continue;
        c->claim.blocks &= ~ended;
        if (c->claim.id != claim)
            cancel(t, c, ended);
        else if (!c->claim.blocks)
            measure(t, c);
        if (!c->claim.blocks)
            end_claim(t, c);
    }
}

void claims_drop_row(struct interest_table *t, struct row *row)
{
    while (row->claims)
        release_claim(t, row->claims);
    /* Ids are used again: no suspect piece may keep this one. */
    for (size_t i = 0; i < t->started.n_partial; i++) {
        struct started *s = t->started.partial[i];

        if (s->owned && s->owner == row->id) {
            s->owned = false;
            t->generation++;
        }
    }
}

void claims_drop_piece(struct interest_table *t, struct started *s)
{
    while (s->claims) {
        cancel(t, s->claims, s->claims->claim.blocks);
        end_claim(t, s->claims);
    }
}

void claims_free_all(struct interest_table *t)
{
    while (t->oldest) {
        struct active_claim *c = t->oldest;

        t->oldest = c->newer;
        free(c);
    }
}
