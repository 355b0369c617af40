/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/base/rng.h"
#include "interest/bits.h"
#include "interest/started.h"

#define PIECES 6u
#define BLOCKS 150u /* three words */

enum state {
    FREE,
    HELD,
    TWICE,
    STORED,
};

static enum state model[PIECES][BLOCKS];

static uint64_t blocks_in(uint32_t piece, uint32_t first, uint64_t blocks, enum state state)
{
    uint64_t found = 0;

    for (uint32_t i = 0; i < 64 && first + i < BLOCKS; i++)
        if (blocks >> i & 1 && model[piece][first + i] == state)
            found |= UINT64_C(1) << i;
    return found;
}

static void set(uint32_t piece, uint32_t first, uint64_t blocks, enum state state)
{
    for (uint32_t i = 0; i < 64 && first + i < BLOCKS; i++)
        if (blocks >> i & 1)
            model[piece][first + i] = state;
}

static void check(const struct started_pieces *p)
{
    size_t n_partial = 0;

    for (uint32_t piece = 0; piece < PIECES; piece++) {
        const struct started *s = started_find(p, piece);
        uint32_t n[4] = {0}, first = 0, from = BLOCKS;

        for (uint32_t b = 0; b < BLOCKS; b++) {
            n[model[piece][b]]++;
            if (model[piece][b] == FREE && from == BLOCKS)
                from = b;
        }
        ck_assert_uint_eq(s->n_free, n[FREE]);
        ck_assert_uint_eq(s->n_stored, n[STORED]);
        if (!n[FREE])
            continue;
        n_partial++;
        ck_assert_ptr_eq(p->partial[s->partial_at], s);
        ck_assert_uint_eq(started_next_free(s, 64, &first),
                          blocks_in(piece, from, UINT64_MAX, FREE));
        ck_assert_uint_eq(first, from);
        ck_assert_uint_eq(started_next_free(s, 3, &first), blocks_in(piece, from, 7, FREE));
    }
    ck_assert_uint_eq(p->n_partial, n_partial);
}

START_TEST(every_block_is_in_one_state)
{
    struct started_pieces p = STARTED_PIECES_EMPTY;
    struct geometry g = {.total_length = (uint64_t)PIECES * BLOCKS * BLOCK_SIZE,
                         .piece_length = BLOCKS * BLOCK_SIZE,
                         .n_pieces = PIECES};
    uint64_t n_stored = 0;
    struct rng rng;

    rng_seed(&rng, 6);
    memset(model, 0, sizeof model);
    for (uint32_t i = 0; i < PIECES; i++)
        ck_assert_ptr_nonnull(started_add(&p, i, BLOCKS));
    for (int i = 0; i < 4000; i++) {
        uint32_t piece = rng_below(&rng, PIECES), first = rng_below(&rng, BLOCKS);
        uint64_t blocks = rng_next(&rng) & rng_next(&rng) & rng_next(&rng), some;
        struct started *s = started_find(&p, piece);

        switch (rng_below(&rng, 8)) {
        case 0:
            some = blocks_in(piece, first, blocks, STORED);
            some = blocks & bits_low(BLOCKS - first) & ~some;
            ck_assert_uint_eq(started_store(&p, s, first, blocks), some);
            set(piece, first, some, STORED);
            break;
        case 1:
        case 2:
            some = blocks_in(piece, first, blocks, FREE);
            started_hold(&p, s, first, some);
            set(piece, first, some, HELD);
            break;
        case 3:
        case 4:
            some = blocks_in(piece, first, blocks, HELD);
            started_hold_again(s, first, some);
            set(piece, first, some, TWICE);
            break;
        case 5:
        case 6:
            some = blocks_in(piece, first, blocks, HELD);
            ck_assert_uint_eq(
                started_held_once(s, first, some | blocks_in(piece, first, blocks, TWICE)), some);
            started_release(&p, s, first, some | blocks_in(piece, first, blocks, TWICE));
            set(piece, first, blocks_in(piece, first, blocks, TWICE), HELD);
            set(piece, first, some, FREE);
            break;
        default:
            if (rng_below(&rng, 10))
                break;
            started_remove(&p, s);
            ck_assert_ptr_null(started_find(&p, piece));
            ck_assert_ptr_nonnull(started_add(&p, piece, BLOCKS));
            set(piece, 0, UINT64_MAX, FREE);
            set(piece, 64, UINT64_MAX, FREE);
            set(piece, 128, UINT64_MAX, FREE);
            break;
        }
        check(&p);
    }
    for (uint32_t i = 0; i < PIECES; i++)
        n_stored += started_find(&p, i)->n_stored;
    ck_assert_uint_gt(n_stored, 0);
    ck_assert_uint_eq(started_stored_bytes(&p, &g), n_stored * BLOCK_SIZE);
    started_pieces_deinit(&p);
    started_pieces_deinit(&p);
}
END_TEST

START_TEST(the_last_block_of_a_piece_may_be_short)
{
    struct started_pieces p = STARTED_PIECES_EMPTY;
    struct geometry g = {
        .total_length = 3 * BLOCK_SIZE + 5, .piece_length = 2 * BLOCK_SIZE, .n_pieces = 2};
    struct started *s = started_add(&p, 1, 2);

    ck_assert_ptr_nonnull(s);
    ck_assert_uint_eq(started_stored_bytes(&p, &g), 0);
    ck_assert_uint_eq(started_store(&p, s, 0, UINT64_MAX), 3); /* two blocks, and no more */
    ck_assert_uint_eq(started_stored_bytes(&p, &g), BLOCK_SIZE + 5);
    started_pieces_deinit(&p);
}
END_TEST

START_TEST(bits_move_to_another_beginning)
{
    ck_assert_uint_eq(bits_rebase(0xf0, 8, 8), 0xf0);
    ck_assert_uint_eq(bits_rebase(0xf0, 8, 12), 0x0f);
    ck_assert_uint_eq(bits_rebase(0xf0, 8, 14), 0x03);
    ck_assert_uint_eq(bits_rebase(0xf0, 8, 4), 0xf00);
    ck_assert_uint_eq(bits_rebase(UINT64_MAX, 0, 64), 0);
    ck_assert_uint_eq(bits_rebase(UINT64_MAX, 100, 36), 0);
    ck_assert_uint_eq(bits_rebase(UINT64_MAX, 63, 0), UINT64_C(1) << 63);
}
END_TEST

RUN_SUITE("started pieces", 20, every_block_is_in_one_state, the_last_block_of_a_piece_may_be_short,
          bits_move_to_another_beginning);
