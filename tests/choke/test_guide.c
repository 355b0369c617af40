/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/choke/guide.h"

#define PIECES 100

START_TEST(every_piece_is_chosen_once)
{
    bool seen[PIECES] = {false};
    struct guide g;
    struct rng rng;
    uint32_t piece;

    rng_seed(&rng, 1);
    ck_assert_int_eq(guide_init(&g, PIECES, &rng), 0);
    guide_mark_sent(&g, 17);
    guide_mark_sent(&g, 17);
    for (unsigned i = 0; i < PIECES - 1; i++) {
        ck_assert(!guide_is_over(&g));
        ck_assert(guide_next(&g, &piece));
        ck_assert_uint_lt(piece, PIECES);
        ck_assert_uint_ne(piece, 17);
        ck_assert(!seen[piece]);
        seen[piece] = true;
    }
    ck_assert(guide_is_over(&g));
    ck_assert(!guide_next(&g, &piece));
    guide_deinit(&g);
    guide_deinit(&g);
}
END_TEST

START_TEST(a_piece_given_back_is_chosen_again)
{
    struct guide g;
    struct rng rng;
    uint32_t piece;

    rng_seed(&rng, 2);
    ck_assert_int_eq(guide_init(&g, PIECES, &rng), 0);
    while (guide_next(&g, &piece))
        ;
    guide_take_back(&g, 5);
    ck_assert(!guide_is_over(&g));
    ck_assert(guide_next(&g, &piece));
    ck_assert_uint_eq(piece, 5);
    ck_assert(!guide_next(&g, &piece));
    guide_deinit(&g);
}
END_TEST

START_TEST(a_sent_piece_is_not_taken_back)
{
    struct guide g;
    struct rng rng;
    uint32_t piece;

    rng_seed(&rng, 4);
    ck_assert_int_eq(guide_init(&g, PIECES, &rng), 0);
    while (guide_next(&g, &piece))
        ;
    guide_mark_sent(&g, 5); /* to another leecher than the one that it was suggested to */
    guide_take_back(&g, 5);
    ck_assert(guide_is_over(&g));
    guide_take_back(&g, 6);
    ck_assert(guide_next(&g, &piece));
    ck_assert_uint_eq(piece, 6);
    guide_deinit(&g);
}
END_TEST

START_TEST(two_seeds_begin_at_different_places)
{
    struct guide a, b;
    struct rng rng;
    uint32_t x, y, n_equal = 0;

    rng_seed(&rng, 3);
    for (unsigned i = 0; i < 50; i++) {
        ck_assert_int_eq(guide_init(&a, 1000, &rng), 0);
        ck_assert_int_eq(guide_init(&b, 1000, &rng), 0);
        ck_assert(guide_next(&a, &x) && guide_next(&b, &y));
        n_equal += x == y;
        guide_deinit(&a);
        guide_deinit(&b);
    }
    ck_assert_uint_lt(n_equal, 3);
}
END_TEST

RUN_SUITE("Guide of a seed", 30, every_piece_is_chosen_once, a_piece_given_back_is_chosen_again,
          a_sent_piece_is_not_taken_back, two_seeds_begin_at_different_places);
