/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/interest/table.h"

/* A small swarm in which everything happens at random, beside a naive model that counts all again
 * after every step. Claims end as peers and FS end them: what FS stores is told first, then the
 * claim is returned if any of it is not on disk; and then, or in between, comes the verdict. */
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
    bool wanted[PIECES], verified[PIECES];
    bool stored[PIECES][BLOCKS];
    bool here[PEERS], has[PEERS][PIECES], interesting[PEERS];
    struct model_claim claims[CLAIMS];
    int n_cancels, n_endgame, n_failed;
    int n_late; /* blocks stored that their claim had lost */
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
        ck_assert_uint_eq(left, 0); /* only what was claimed is cancelled */
    }
}

static void check(struct world *w)
{
    uint64_t stored = 0;

    for (uint32_t i = 0; i < PIECES; i++) {
        uint32_t n = 0, n_stored = 0;

        for (uint32_t p = 0; p < PEERS; p++)
            n += w->here[p] && w->has[p][i];
        must(interest_table_availability(w->t, i) == n);
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

static void check_claim(struct world *w, uint32_t p, uint32_t asked, const struct claim *c)
{
    bool any_free = false, again = false;
    uint32_t n = 0;

    for (uint32_t i = 0; i < PIECES; i++)
        for (uint32_t b = 0; b < n_blocks(w, i); b++)
            any_free |= w->has[p][i] && is_free(w, i, b);
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
                must(!is_free(w, i, b) || !interest_table_availability(w->t, i));
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
        interest_table_requested(w->t, p, claim.id, rng_below(&w->rng, 2));
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
        ck_assert(interest_table_piece_completed(w->t, piece));
        ck_assert(!interest_table_piece_completed(w->t, piece));
    } else {
        memset(w->stored[piece], 0, sizeof w->stored[piece]);
        interest_table_piece_failed(w->t, piece);
        w->n_failed++;
    }
    take_effects(w);
}

/* FS writes BLOCKS of a claim, those that are not on disk, and says what is. */
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
static void give_back(struct world *w, int at, bool all)
{
    struct model_claim *c = &w->claims[at];
    uint64_t stored = all ? c->claim.blocks : c->claim.blocks & rng_next(&w->rng);
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
            give_back(w, at, rng_below(&w->rng, 4) != 0);
        break;
    }
    take_effects(w);
    check(w);
}

/* No peer leaves any more, and claims end whole: everything is fetched, though pieces fail. */
static void finish(struct world *w)
{
    bool moved = true;

    for (uint32_t p = 0; p < PEERS; p++)
        if (!w->here[p])
            join(w, p);
    for (uint32_t i = 0; i < PIECES; i++) {
        interest_table_peer_got_piece(w->t, 0, i);
        w->has[0][i] = true;
    }
    take_effects(w);
    while (!interest_table_is_complete(w->t)) {
        ck_assert(moved);
        moved = false;
        for (uint32_t p = 0; p < PEERS; p++)
            moved |= ask(w, p);
        for (int i = 0; i < CLAIMS; i++) {
            if (w->claims[i].claim.id && rng_below(&w->rng, 2)) {
                give_back(w, i, true);
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

static struct rng rng;

static struct interest_table *plain(uint32_t n_pieces, uint32_t blocks, uint32_t n_have)
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

static void join_with(struct interest_table *t, uint32_t peer, uint32_t n_pieces, uint32_t first,
                      uint32_t end)
{
    struct bitfield has;

    ck_assert_int_eq(bitfield_init(&has, n_pieces), 0);
    for (uint32_t i = first; i < end; i++)
        bitfield_set(&has, i);
    interest_table_peer_joined(t, peer, NULL, &has, false);
}

static void join_seed(struct interest_table *t, uint32_t peer)
{
    struct bitfield none = BITFIELD_EMPTY;

    interest_table_peer_joined(t, peer, NULL, &none, true);
}

START_TEST(the_rarest_piece_comes_first)
{
    struct interest_table *t = plain(200, 4, 10);
    struct claim c;

    join_seed(t, 1);
    join_with(t, 2, 200, 0, 150);
    join_with(t, 3, 200, 0, 120);
    for (int i = 0; i < 50; i++) {
        ck_assert(interest_table_next_piece(t, 1, 64, &c));
        ck_assert_uint_ge(c.piece, 150);
    }
    for (int i = 0; i < 30; i++) {
        ck_assert(interest_table_next_piece(t, 2, 64, &c));
        ck_assert(c.piece >= 120 && c.piece < 150);
    }
    interest_table_free(t);
}
END_TEST

START_TEST(rarest_first_holds_for_peers_with_few_pieces_of_many)
{
    struct interest_table *t = plain(20000, 4, 10);
    struct claim c;

    join_with(t, 2, 20000, 19990, 20000);
    join_with(t, 3, 20000, 19990, 19999);
    for (uint32_t i = 10; i < 3000; i++) /* many rarer ones that peer 2 lacks */
        interest_table_peer_got_piece(t, 3, i);
    ck_assert(interest_table_next_piece(t, 2, 64, &c));
    ck_assert_uint_eq(c.piece, 19999);
    ck_assert(interest_table_next_piece(t, 2, 64, &c));
    ck_assert(c.piece >= 19990 && c.piece < 19999);
    interest_table_free(t);
}
END_TEST

START_TEST(the_first_pieces_are_random)
{
    struct interest_table *t = plain(200, 4, 0);
    struct claim c;
    int n_common = 0;

    join_seed(t, 1);
    join_with(t, 2, 200, 10, 200);
    for (int i = 0; i < 4; i++) {
        ck_assert(interest_table_next_piece(t, 1, 64, &c));
        n_common += c.piece >= 10;
    }
    ck_assert_int_gt(n_common, 0);
    interest_table_free(t);
}
END_TEST

START_TEST(started_pieces_come_before_new_ones)
{
    struct interest_table *t = plain(50, 16, 10);
    struct claim a, b;

    join_seed(t, 1);
    join_seed(t, 2);
    ck_assert(interest_table_next_piece(t, 1, 3, &a));
    ck_assert_uint_eq(a.blocks, 7);
    for (int i = 0; i < 4; i++) {
        ck_assert(interest_table_next_piece(t, 2, 3, &b));
        ck_assert_uint_eq(b.piece, a.piece);
    }
    ck_assert(interest_table_next_piece(t, 2, 3, &b)); /* the last crumb */
    ck_assert_uint_eq(b.n_blocks, 1);
    /* A fast peer would rather begin a piece of its own than take what is left of one. */
    interest_table_claim_returned(t, 2, b.id);
    ck_assert(interest_table_next_piece(t, 1, 64, &b));
    ck_assert_uint_ne(b.piece, a.piece);
    ck_assert_uint_eq(b.n_blocks, 16);
    interest_table_free(t);
}
END_TEST

/* A seed's uplink is what a young swarm lacks: nothing is taken from it that a leecher can give. */
START_TEST(what_only_a_seed_has_comes_from_the_seed)
{
    struct interest_table *t = plain(50, 16, 10);
    struct claim a, b;

    join_seed(t, 1);
    join_with(t, 2, 50, 20, 21);
    ck_assert(interest_table_next_piece(t, 2, 4, &a));
    ck_assert_uint_eq(a.piece, 20);
    ck_assert(interest_table_next_piece(t, 1, 4, &b));
    ck_assert_uint_ne(b.piece, 20);
    ck_assert(interest_table_next_piece(t, 1, 4, &a)); /* equals: the one that is started */
    ck_assert_uint_eq(a.piece, b.piece);
    ck_assert(interest_table_next_piece(t, 2, 4, &a));
    ck_assert_uint_eq(a.piece, 20);
    interest_table_free(t);
}
END_TEST

START_TEST(suggestions_break_ties_and_nothing_else)
{
    struct interest_table *t = plain(200, 4, 10);
    struct claim c;

    join_seed(t, 1);
    join_with(t, 2, 200, 0, 100);
    for (uint32_t i = 60; i < 80; i++) /* more than are remembered */
        interest_table_suggested(t, 1, i);
    interest_table_suggested(t, 1, 5); /* here already */
    interest_table_suggested(t, 1, 150);
    interest_table_suggested(t, 1, 160);
    interest_table_suggested(t, 3, 170); /* nobody we know */
    ck_assert(interest_table_next_piece(t, 1, 64, &c));
    ck_assert_uint_eq(c.piece, 150);
    ck_assert(interest_table_next_piece(t, 1, 64, &c));
    ck_assert_uint_eq(c.piece, 160);
    ck_assert(interest_table_next_piece(t, 1, 64, &c));
    ck_assert_uint_ge(c.piece, 100); /* what others have as well is no tie */
    interest_table_suggested(t, 2, 150);
    interest_table_suggested(t, 2, 30);
    ck_assert(interest_table_next_piece(t, 2, 64, &c));
    ck_assert_uint_eq(c.piece, 30);
    interest_table_free(t);
}
END_TEST

START_TEST(long_pieces_are_claimed_in_parts)
{
    struct interest_table *t = plain(1, 150, 0);
    struct claim c[3];

    join_seed(t, 1);
    for (int i = 0; i < 3; i++)
        ck_assert(interest_table_next_piece(t, 1, 64, &c[i]));
    ck_assert(c[0].first_block == 0 && c[0].n_blocks == 64 && c[0].blocks == UINT64_MAX);
    ck_assert(c[1].first_block == 64 && c[1].n_blocks == 64);
    ck_assert(c[2].first_block == 128 && c[2].n_blocks == 22);
    ck_assert(!interest_table_next_piece(t, 1, 64, &c[0])); /* its own, not again */
    /* A gap across a border of words is found again as one run. */
    interest_table_blocks_stored(t, c[1].id, 0, 64, ~(UINT64_C(3) << 62));
    interest_table_claim_returned(t, 1, c[1].id);
    interest_table_blocks_stored(t, c[2].id, 0, 128, c[2].blocks & ~UINT64_C(3));
    interest_table_claim_returned(t, 1, c[2].id);
    ck_assert(interest_table_next_piece(t, 1, 64, &c[0]));
    ck_assert(c[0].first_block == 126 && c[0].n_blocks == 4 && c[0].blocks == 15);
    interest_table_free(t);
}
END_TEST

START_TEST(endgame_shares_the_oldest_claims_and_cancels_the_losers)
{
    struct interest_table *t = plain(1, 16, 0);
    struct interest_effect e;
    struct claim a, b, c;
    uint64_t generation;

    join_seed(t, 1);
    join_seed(t, 2);
    join_seed(t, 3);
    while (interest_table_next_effect(t, &e))
        ck_assert_int_eq(e.kind, INTEREST_BEGINS);
    generation = interest_table_generation(t);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    ck_assert_uint_ne(interest_table_generation(t), generation);
    interest_table_requested(t, 1, a.id, true);
    ck_assert(interest_table_next_piece(t, 2, 64, &b));
    ck_assert(b.first_block == 8 && b.blocks == 0xff);
    ck_assert(interest_table_next_piece(t, 3, 64, &c)); /* what is held once still: all of it */
    ck_assert(c.first_block == 0 && c.blocks == 0xff);
    ck_assert(!interest_table_next_piece(t, 3, 64, &c));
    interest_table_blocks_stored(t, b.id, 0, b.first_block, 0xff);
    ck_assert(interest_table_next_effect(t, &e));
    ck_assert(e.kind == INTEREST_CANCEL && e.peer == 1 && e.first_block == 0 && e.blocks == 0xff00);
    ck_assert(!interest_table_next_effect(t, &e));
    interest_table_blocks_stored(t, a.id, 0, 0, 0xff);
    ck_assert(interest_table_next_effect(t, &e));
    ck_assert(e.kind == INTEREST_CANCEL && e.peer == 3 && e.blocks == 0xff);
    ck_assert(!interest_table_next_effect(t, &e));
    ck_assert(interest_table_piece_completed(t, 0));
    for (int i = 0; i < 3; i++) {
        ck_assert(interest_table_next_effect(t, &e));
        ck_assert_int_eq(e.kind, INTEREST_ENDS);
    }
    interest_table_claim_returned(t, 3, c.id); /* all of it is stored: no effect */
    ck_assert(interest_table_is_complete(t));
    interest_table_free(t);
}
END_TEST

START_TEST(endgame_doubts_leechers_before_seeders)
{
    struct interest_table *t = plain(2, 4, 0);
    struct claim a, b, c;

    for (uint32_t p = 1; p <= 3; p++)
        join_seed(t, p);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    interest_table_requested(t, 1, a.id, true);
    ck_assert(interest_table_next_piece(t, 2, 64, &b));
    interest_table_requested(t, 2, b.id, false);
    ck_assert(interest_table_next_piece(t, 3, 64, &c));
    ck_assert_uint_eq(c.piece, b.piece);
    ck_assert(interest_table_next_piece(t, 3, 64, &c));
    ck_assert_uint_eq(c.piece, a.piece);
    interest_table_free(t);
}
END_TEST

START_TEST(a_piece_nobody_has_does_not_put_off_endgame)
{
    struct interest_table *t = plain(2, 4, 0);
    struct claim a, b;

    join_with(t, 1, 2, 0, 1);
    join_with(t, 2, 2, 0, 1);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    ck_assert(interest_table_next_piece(t, 2, 64, &b));
    ck_assert_uint_eq(b.piece, a.piece);
    interest_table_free(t);
}
END_TEST

START_TEST(a_suspect_piece_goes_to_one_peer_alone)
{
    struct interest_table *t = plain(1, 16, 0);
    struct claim a, b;

    join_seed(t, 1);
    join_seed(t, 2);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    interest_table_blocks_stored(t, a.id, 0, 0, a.blocks);
    interest_table_piece_failed(t, 0);
    interest_table_claim_returned(t, 1, a.id); /* of the bad try: no effect */
    ck_assert(interest_table_next_piece(t, 1, 4, &a));
    ck_assert_uint_eq(a.first_block, 0);
    ck_assert(!interest_table_next_piece(t, 2, 4, &b));
    ck_assert(interest_table_next_piece(t, 1, 64, &b));
    ck_assert_uint_eq(b.n_blocks, 12);
    ck_assert(!interest_table_next_piece(t, 2, 4, &b)); /* not even in endgame */
    interest_table_peer_left(t, 1);
    ck_assert(interest_table_next_piece(t, 2, 64, &b));
    ck_assert_uint_eq(b.n_blocks, 16);
    interest_table_free(t);
}
END_TEST

/* FS is told first, the peer's return comes second: one decides what is stored, the other what is
 * free. */
START_TEST(a_claim_returns_what_is_not_stored)
{
    struct interest_table *t = plain(1, 16, 0);
    struct claim a, b;
    uint64_t generation;

    join_seed(t, 1);
    join_seed(t, 2);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    ck_assert(interest_table_next_piece(t, 2, 64, &b)); /* endgame: its second half */
    ck_assert_uint_eq(b.first_block, 8);
    generation = interest_table_generation(t);
    interest_table_blocks_stored(t, a.id, 0, 0, 0x0f0f);
    ck_assert_uint_eq(interest_table_generation(t), generation); /* nothing is free by that */
    ck_assert_uint_eq(interest_table_progress(t).stored, 8 * BLOCK_SIZE);
    interest_table_claim_returned(t, 1, a.id);
    ck_assert_uint_ne(interest_table_generation(t), generation);
    ck_assert(interest_table_next_piece(t, 1, 64, &a)); /* blocks 12 to 15 are still held by b */
    ck_assert_uint_eq(a.first_block, 4);
    ck_assert_uint_eq(a.blocks, 0xf);
    interest_table_claim_returned(t, 1, a.id);
    interest_table_claim_returned(t, 2, b.id);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    ck_assert_uint_eq(a.first_block, 4);
    ck_assert_uint_eq(a.blocks, 0xf0f);
    interest_table_claim_returned(t, 1, a.id);
    interest_table_claim_returned(t, 1, a.id); /* unknown by now */
    ck_assert_uint_eq(interest_table_progress(t).stored, 8 * BLOCK_SIZE);
    interest_table_free(t);
}
END_TEST

/* Two peers raced for a block, and the piece failed with the winner's. The loser's is written
 * then. */
START_TEST(a_block_stored_after_the_piece_failed_counts)
{
    struct interest_table *t = plain(1, 4, 0);
    struct interest_effect e;
    struct claim a, b, c;

    join_seed(t, 1);
    join_seed(t, 2);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    ck_assert(interest_table_next_piece(t, 2, 64, &b));
    interest_table_blocks_stored(t, a.id, 0, 0, 15);
    interest_table_piece_failed(t, 0);
    ck_assert(interest_table_next_piece(t, 1, 2, &c));
    while (interest_table_next_effect(t, &e))
        ;
    interest_table_blocks_stored(t, b.id, 0, 0, 5);
    ck_assert(interest_table_next_effect(t, &e));
    ck_assert(e.kind == INTEREST_CANCEL && e.peer == 1 && e.first_block == 0 && e.blocks == 1);
    ck_assert(!interest_table_next_effect(t, &e));
    interest_table_claim_returned(t, 2, b.id); /* ended when its last block was stored */
    ck_assert_uint_eq(interest_table_progress(t).stored, 2 * BLOCK_SIZE);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    ck_assert(a.first_block == 3 && a.blocks == 1);
    interest_table_free(t);
}
END_TEST

START_TEST(blocks_on_disk_are_not_claimed)
{
    /* Pieces of 70 blocks, in runs of 64 and 6. */
    struct stored_run runs[] = {{.piece = 1, .first_block = 0, .blocks = ~UINT64_C(0x30)},
                                {.piece = 1, .first_block = 64, .blocks = 0x1f},
                                {.piece = 0, .first_block = 0, .blocks = 0xff},
                                {.piece = 2, .first_block = 64, .blocks = UINT64_MAX}};
    struct interest_table *t = plain(4, 70, 1);
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
    ck_assert(!interest_table_next_piece(t, 1, 64, &a)); /* piece 0 is had, the others it lacks */
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
    interest_table_piece_failed(t, 2); /* what was there was wrong */
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
    struct interest_table *t = plain(10, 1, 0);
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

RUN_SUITE("The interest table", 60, random_swarms_agree_with_a_naive_model,
          the_rarest_piece_comes_first, rarest_first_holds_for_peers_with_few_pieces_of_many,
          the_first_pieces_are_random, started_pieces_come_before_new_ones,
          what_only_a_seed_has_comes_from_the_seed, suggestions_break_ties_and_nothing_else,
          long_pieces_are_claimed_in_parts, endgame_shares_the_oldest_claims_and_cancels_the_losers,
          endgame_doubts_leechers_before_seeders, a_piece_nobody_has_does_not_put_off_endgame,
          a_suspect_piece_goes_to_one_peer_alone, a_claim_returns_what_is_not_stored,
          a_block_stored_after_the_piece_failed_counts, blocks_on_disk_are_not_claimed,
          availability_counts_whole_copies_and_a_share);
