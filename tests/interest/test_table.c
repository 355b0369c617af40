/* SPDX-License-Identifier: MIT */
#include "small_table.h"

#include <string.h>

/* A small swarm of random events, and a naive model that counts everything again after each step.
 * Claims end as peers and FS end them: first BlocksStored, then ClaimReturned if blocks are not on
 * disk; PieceCompleted or PieceFailed follows BlocksStored. */
#define PIECES 37
#define BLOCKS 5
#define PEERS  12
#define CLAIMS 200

/* ck_assert writes to a pipe each time, which millions of checks cannot afford. */
#define must(condition)               \
    do {                              \
        if (!(condition))             \
            ck_abort_msg(#condition); \
    } while (0)

struct model_claim {
    struct claim claim; /* id 0: none */
    uint32_t peer;
    uint64_t held; /* blocks of it that are neither stored nor cancelled */
};

struct world {
    struct rng rng, table_rng;
    struct geometry g;
    struct interest_table *t;
    bool wanted[PIECES], verified[PIECES], suspect[PIECES];
    bool stored[PIECES][BLOCKS];
    bool here[PEERS], has[PEERS][PIECES], interesting[PEERS];
    struct model_claim claims[CLAIMS];
    int n_cancels, n_endgame, n_failed;
    int n_late; /* blocks stored after their claim was cancelled */
};

static uint32_t n_blocks(const struct world *w, uint32_t piece)
{
    return geometry_n_blocks(&w->g, piece);
}

static void world_init(struct world *w, uint64_t seed)
{
    struct bitfield have, wanted;

    memset(w, 0, sizeof *w);
    rng_seed(&w->rng, seed);
    rng_seed(&w->table_rng, seed + 1);
    w->g =
        (struct geometry){.total_length = (PIECES - 1) * BLOCKS * BLOCK_SIZE + 3 * BLOCK_SIZE - 7,
                          .piece_length = BLOCKS * BLOCK_SIZE,
                          .n_pieces = PIECES};
    ck_assert_int_eq(bitfield_init(&have, PIECES), 0);
    ck_assert_int_eq(bitfield_init(&wanted, PIECES), 0);
    for (uint32_t i = 0; i < PIECES; i++) {
        if ((w->wanted[i] = rng_below(&w->rng, 8) != 0))
            bitfield_set(&wanted, i);
        if ((w->verified[i] = rng_below(&w->rng, 8) == 0))
            bitfield_set(&have, i);
    }
    w->t = interest_table_new(&w->g, &wanted, &have, &w->table_rng);
    ck_assert_ptr_nonnull(w->t);
    ck_assert_ptr_null(have.bytes);
    bitfield_deinit(&wanted);
}

static bool missing(const struct world *w, uint32_t piece)
{
    return w->wanted[piece] && !w->verified[piece];
}

static uint32_t holders(const struct world *w, uint32_t piece, uint32_t block)
{
    uint32_t n = 0;

    for (int i = 0; i < CLAIMS; i++) {
        const struct model_claim *c = &w->claims[i];

        if (c->claim.id && c->claim.piece == piece && block >= c->claim.first_block &&
            block < c->claim.first_block + c->claim.n_blocks &&
            c->held >> (block - c->claim.first_block) & 1)
            n++;
    }
    return n;
}

static void take_effects(struct world *w)
{
    struct interest_effect e;

    while (interest_table_next_effect(w->t, &e)) {
        uint64_t left = e.blocks;

        ck_assert(e.user == &w->here[e.peer]);
        if (e.kind != INTEREST_CANCEL) {
            ck_assert_int_ne(w->interesting[e.peer], e.kind == INTEREST_BEGINS);
            w->interesting[e.peer] = e.kind == INTEREST_BEGINS;
            continue;
        }
        w->n_cancels++;
        for (int i = 0; i < CLAIMS; i++) {
            struct model_claim *c = &w->claims[i];

            if (c->claim.id && c->peer == e.peer && c->claim.piece == e.piece &&
                c->claim.first_block == e.first_block && (c->held & left)) {
                uint64_t both = c->held & left;

                c->held &= ~both;
                left &= ~both;
            }
        }
        ck_assert_uint_eq(left, 0); /* only claimed blocks are cancelled */
    }
}

static void check(struct world *w)
{
    uint64_t stored = 0;

    for (uint32_t i = 0; i < PIECES; i++) {
        uint32_t n = 0, n_stored = 0;

        for (uint32_t p = 0; p < PEERS; p++)
            n += w->here[p] && w->has[p][i];
        must(table_availability(w->t, i) == n);
        must(interest_table_have_piece(w->t, i) == w->verified[i]);
        for (uint32_t b = 0; b < n_blocks(w, i); b++) {
            must(holders(w, i, b) <= (w->stored[i][b] ? 0 : 2));
            n_stored += w->stored[i][b] && missing(w, i);
        }
        /* A piece may end in a shorter block, which counts as a whole one while others are
         * missing. */
        stored += n_stored < n_blocks(w, i) ? (uint64_t)n_stored * BLOCK_SIZE
                                            : geometry_piece_size(&w->g, i);
    }
    must(interest_table_progress(w->t).stored == stored);
    for (uint32_t p = 0; p < PEERS; p++) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < PIECES; i++)
            n += w->here[p] && w->has[p][i] && missing(w, i);
        if (w->here[p])
            must(w->interesting[p] == (n > 0));
    }
}

static bool is_free(const struct world *w, uint32_t piece, uint32_t block)
{
    return missing(w, piece) && !w->stored[piece][block] && !holders(w, piece, block);
}

static void join(struct world *w, uint32_t p)
{
    struct bitfield has = BITFIELD_EMPTY;
    uint32_t kind = rng_below(&w->rng, 4);

    memset(w->has[p], 0, sizeof w->has[p]);
    if (kind > 0) {
        ck_assert_int_eq(bitfield_init(&has, PIECES), 0);
        for (uint32_t i = 0; i < PIECES; i++)
            if (kind == 1 || rng_below(&w->rng, 3) == 0) {
                w->has[p][i] = true;
                bitfield_set(&has, i);
            }
    }
    w->here[p] = true;
    w->interesting[p] = false;
    if (kind == 1 && rng_below(&w->rng, 2))
        bitfield_deinit(&has);
    interest_table_peer_joined(w->t, p, &w->here[p], &has, kind == 1);
    ck_assert_ptr_null(has.bytes);
}

static void leave(struct world *w, uint32_t p)
{
    interest_table_peer_left(w->t, p);
    take_effects(w);
    for (int i = 0; i < CLAIMS; i++)
        if (w->claims[i].peer == p)
            w->claims[i].claim.id = 0;
    w->here[p] = false;
}

/* Whether a peer that has claims has PIECE. */
static bool any_active_has(const struct world *w, uint32_t piece)
{
    for (int i = 0; i < CLAIMS; i++)
        if (w->claims[i].claim.id && w->claims[i].held && w->has[w->claims[i].peer][piece])
            return true;
    return false;
}

static void check_claim(struct world *w, uint32_t p, uint32_t asked, const struct claim *c)
{
    bool any_free = false, again = false;
    uint32_t n = 0;

    for (uint32_t i = 0; i < PIECES; i++)
        for (uint32_t b = 0; b < n_blocks(w, i); b++)
            any_free |= w->has[p][i] && !w->suspect[i] && is_free(w, i, b);
    ck_assert(c->id && c->blocks);
    ck_assert_uint_lt(c->piece, PIECES);
    ck_assert(w->has[p][c->piece] && missing(w, c->piece));
    ck_assert_uint_le(c->n_blocks, asked);
    ck_assert_uint_le(c->first_block + c->n_blocks, n_blocks(w, c->piece));
    if (c->n_blocks < 64)
        ck_assert_uint_eq(c->blocks >> c->n_blocks, 0);
    for (uint32_t i = 0; i < c->n_blocks; i++) {
        uint32_t b = c->first_block + i;

        if (!(c->blocks >> i & 1))
            continue;
        n++;
        ck_assert(!w->stored[c->piece][b]);
        again |= holders(w, c->piece, b) > 0;
    }
    ck_assert_uint_gt(n, 0);
    if (again) {
        ck_assert(!any_free);
        w->n_endgame++;
        for (uint32_t i = 0; i < PIECES; i++)
            for (uint32_t b = 0; b < n_blocks(w, i); b++)
                must(!is_free(w, i, b) || w->suspect[i] || !any_active_has(w, i));
    }
}

static bool ask(struct world *w, uint32_t p)
{
    uint32_t n = rng_below(&w->rng, 3) ? 1 + rng_below(&w->rng, 7) : CLAIM_BLOCKS_MAX;
    struct claim claim;

    for (int i = 0; i < CLAIMS; i++) {
        if (w->claims[i].claim.id)
            continue;
        if (!interest_table_next_piece(w->t, p, n, &claim))
            return false;
        check_claim(w, p, n, &claim);
        w->claims[i] = (struct model_claim){.claim = claim, .peer = p, .held = claim.blocks};
        interest_table_requested(w->t, p, claim.id,
                                 rng_below(&w->rng, 2) ? CLAIM_FROM_SEEDER : CLAIM_FROM_LEECHER);
        return true;
    }
    return false;
}

static void verdict(struct world *w, uint32_t piece, bool good)
{
    for (uint32_t b = 0; b < n_blocks(w, piece); b++)
        must(!holders(w, piece, b));
    if (good) {
        w->verified[piece] = true;
        w->suspect[piece] = false;
        ck_assert(interest_table_piece_completed(w->t, piece));
        ck_assert(!interest_table_piece_completed(w->t, piece));
    } else {
        memset(w->stored[piece], 0, sizeof w->stored[piece]);
        w->suspect[piece] = true;
        interest_table_piece_failed(w->t, piece);
        w->n_failed++;
    }
    take_effects(w);
}

/* FS writes the BLOCKS of a claim that are not on disk, and reports all of them as stored. */
static void store(struct world *w, struct model_claim *c, uint64_t blocks)
{
    uint32_t piece = c->claim.piece, first = c->claim.first_block;

    if (w->verified[piece])
        return;
    for (uint32_t i = 0; i < c->claim.n_blocks; i++) {
        if (!(blocks >> i & 1))
            continue;
        w->n_late += !(c->held >> i & 1) && !w->stored[piece][first + i];
        w->stored[piece][first + i] = true;
    }
    c->held &= ~blocks;
    interest_table_blocks_stored(w->t, c->claim.id, piece, first, blocks);
    take_effects(w);
}

/* Ends a random claim with some or all blocks stored; the verdict comes before it is returned or
 * after. */
enum share {
    SOME_BLOCKS,
    ALL_BLOCKS,
};

static void give_back(struct world *w, int at, enum share share)
{
    struct model_claim *c = &w->claims[at];
    uint64_t stored = share == ALL_BLOCKS ? c->claim.blocks : c->claim.blocks & rng_next(&w->rng);
    uint32_t piece = c->claim.piece;
    bool whole = !w->verified[piece], early = rng_below(&w->rng, 2);
    bool good = rng_below(&w->rng, 6);

    store(w, c, stored);
    for (uint32_t b = 0; b < n_blocks(w, piece); b++)
        whole &= w->stored[piece][b];
    if (whole && early)
        verdict(w, piece, good);
    if (stored != c->claim.blocks || rng_below(&w->rng, 2)) {
        interest_table_claim_returned(w->t, c->peer, c->claim.id);
        c->held = 0;
    }
    must(!c->held);
    c->claim.id = 0;
    take_effects(w);
    if (whole && !early)
        verdict(w, piece, good);
}

static void step(struct world *w)
{
    uint32_t p = rng_below(&w->rng, PEERS), piece = rng_below(&w->rng, PIECES);
    int at = (int)rng_below(&w->rng, CLAIMS);

    switch (rng_below(&w->rng, 16)) {
    case 0:
        if (w->here[p])
            leave(w, p);
        else
            join(w, p);
        break;
    case 1:
        if (w->here[p] && !rng_below(&w->rng, 4)) {
            interest_table_peer_lost_piece(w->t, p, piece);
            w->has[p][piece] = false;
        }
        break;
    case 2:
    case 3:
        if (w->here[p]) {
            bool useful = !w->has[p][piece] && missing(w, piece);

            ck_assert_int_eq(interest_table_peer_got_piece(w->t, p, piece), useful);
            w->has[p][piece] = true;
        }
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        if (w->here[p])
            ask(w, p);
        break;
    default:
        if (w->claims[at].claim.id)
            give_back(w, at, rng_below(&w->rng, 4) ? ALL_BLOCKS : SOME_BLOCKS);
        break;
    }
    take_effects(w);
    check(w);
}

/* No peer leaves any more and claims are stored whole: every piece arrives, although some fail. */
static void finish(struct world *w)
{
    bool moved = true;

    for (uint32_t p = 0; p < PEERS; p++)
        if (!w->here[p])
            join(w, p);
    interest_table_peer_got_pieces(w->t, 0, NULL);
    ck_assert(!interest_table_peer_got_pieces(w->t, 0, NULL));
    for (uint32_t i = 0; i < PIECES; i++)
        w->has[0][i] = true;
    take_effects(w);
    while (!interest_table_is_complete(w->t)) {
        ck_assert(moved);
        moved = false;
        for (uint32_t p = 0; p < PEERS; p++)
            moved |= ask(w, p);
        for (int i = 0; i < CLAIMS; i++) {
            if (w->claims[i].claim.id && rng_below(&w->rng, 2)) {
                give_back(w, i, ALL_BLOCKS);
                moved = true;
            }
        }
        for (int i = 0; i < CLAIMS; i++)
            moved |= w->claims[i].claim.id != 0;
        check(w);
    }
    for (uint32_t i = 0; i < PIECES; i++)
        ck_assert(!missing(w, i));
}

START_TEST(random_swarms_agree_with_a_naive_model)
{
    int n_cancels = 0, n_endgame = 0, n_failed = 0, n_late = 0;

    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct world *w = malloc(sizeof *w);

        world_init(w, seed);
        for (int i = 0; i < 600; i++)
            step(w);
        finish(w);
        n_cancels += w->n_cancels;
        n_endgame += w->n_endgame;
        n_failed += w->n_failed;
        n_late += w->n_late;
        interest_table_free(w->t);
        free(w);
    }
    ck_assert_int_gt(n_cancels, 20);
    ck_assert_int_gt(n_endgame, 20);
    ck_assert_int_gt(n_failed, 20);
    ck_assert_int_gt(n_late, 20);
}
END_TEST

/* --- single rules ---------------------------------------------------------------------------- */

START_TEST(blocks_on_disk_are_not_claimed)
{
    /* Pieces of 70 blocks, in runs of 64 and 6. */
    struct stored_run runs[] = {{.piece = 1, .first_block = 0, .blocks = ~UINT64_C(0x30)},
                                {.piece = 1, .first_block = 64, .blocks = 0x1f},
                                {.piece = 0, .first_block = 0, .blocks = 0xff},
                                {.piece = 2, .first_block = 64, .blocks = UINT64_MAX}};
    struct interest_table *t = table_of(4, 70, 1);
    struct claim a;

    interest_table_add_stored(t, &(struct stored_blocks){.runs = runs, .n = 4});
    join_with(t, 1, 4, 1, 2);
    ck_assert(interest_table_next_piece(t, 1, 64, &a)); /* started before new */
    ck_assert_uint_eq(a.piece, 1);
    ck_assert_uint_eq(a.first_block, 4);
    ck_assert_uint_eq(a.blocks, 0x3);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    ck_assert_uint_eq(a.first_block, 69);
    ck_assert_uint_eq(a.n_blocks, 1);
    ck_assert(!interest_table_next_piece(t, 1, 64, &a)); /* it has only piece 0 */
    join_with(t, 2, 4, 2, 3);
    ck_assert(interest_table_next_piece(t, 2, 64, &a));
    ck_assert_uint_eq(a.piece, 2);
    ck_assert_uint_eq(a.first_block, 0);
    ck_assert_uint_eq(a.n_blocks, 64);
    ck_assert(!interest_table_next_piece(t, 2, 64, &a)); /* its last six are on disk */
    ck_assert_uint_eq(interest_table_progress(t).stored, (67 + 6) * BLOCK_SIZE);
    interest_table_blocks_stored(t, a.id, 2, 0, 1);
    interest_table_claim_returned(t, 2, a.id);
    ck_assert_uint_eq(interest_table_progress(t).stored, (67 + 7) * BLOCK_SIZE);
    interest_table_piece_failed(t, 2); /* the stored blocks were wrong */
    ck_assert_uint_eq(interest_table_progress(t).stored, 67 * BLOCK_SIZE);
    ck_assert(interest_table_next_piece(t, 2, 64, &a));
    ck_assert(interest_table_next_piece(t, 2, 64, &a));
    ck_assert_uint_eq(a.first_block, 64);
    ck_assert_uint_eq(a.n_blocks, 6);
    interest_table_free(t);
}
END_TEST

START_TEST(availability_counts_whole_copies_and_a_share)
{
    struct interest_table *t = table_of(10, 1, 0);
    struct interest_numbers n;

    join_seed(t, 1);
    join_with(t, 2, 10, 0, 4);
    join_with(t, 3, 10, 0, 0);
    n = interest_table_progress(t);
    ck_assert_double_eq_tol(n.availability, 1.4, 1e-9);
    ck_assert(n.n_peers == 3 && n.n_seeders == 1 && n.n_verified == 0);
    ck_assert_uint_eq(n.wanted, 10 * BLOCK_SIZE);
    interest_table_piece_completed(t, 3);
    n = interest_table_progress(t);
    ck_assert_uint_eq(n.verified, BLOCK_SIZE);
    interest_table_free(t);
}
END_TEST

RUN_SUITE("the interest table", 60, random_swarms_agree_with_a_naive_model,
          blocks_on_disk_are_not_claimed, availability_counts_whole_copies_and_a_share);
