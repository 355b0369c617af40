/* SPDX-License-Identifier: MIT */
#include "small_table.h"

START_TEST(the_rarest_piece_comes_first)
{
    struct interest_table *t = table_of(200, 4, 10);
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
    struct interest_table *t = table_of(20000, 4, 10);
    struct claim c;

    join_with(t, 2, 20000, 19990, 20000);
    join_with(t, 3, 20000, 19990, 19999);
    for (uint32_t i = 10; i < 3000; i++) /* many rarer pieces that peer 2 does not have */
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
    struct interest_table *t = table_of(200, 4, 0);
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
    struct interest_table *t = table_of(50, 16, 10);
    struct claim a, b;

    join_seed(t, 1);
    join_seed(t, 2);
    ck_assert(interest_table_next_piece(t, 1, 3, &a));
    ck_assert_uint_eq(a.blocks, 7);
    for (int i = 0; i < 4; i++) {
        ck_assert(interest_table_next_piece(t, 2, 3, &b));
        ck_assert_uint_eq(b.piece, a.piece);
    }
    ck_assert(interest_table_next_piece(t, 2, 3, &b)); /* the last few blocks */
    ck_assert_uint_eq(b.n_blocks, 1);
    /* A fast peer prefers a new piece to the last few blocks of a started one. */
    interest_table_claim_returned(t, 2, b.id);
    ck_assert(interest_table_next_piece(t, 1, 64, &b));
    ck_assert_uint_ne(b.piece, a.piece);
    ck_assert_uint_eq(b.n_blocks, 16);
    interest_table_free(t);
}
END_TEST

/* A young swarm is short of the seed's uplink: a piece that a leecher has does not come from the
 * seed. */
START_TEST(pieces_that_only_a_seed_has_come_from_the_seed)
{
    struct interest_table *t = table_of(50, 16, 10);
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
    struct interest_table *t = table_of(200, 4, 10);
    struct claim c;

    join_seed(t, 1);
    join_with(t, 2, 200, 0, 100);
    for (uint32_t i = 60; i < 80; i++) /* more than are remembered */
        interest_table_suggested(t, 1, i);
    interest_table_suggested(t, 1, 5); /* verified already */
    interest_table_suggested(t, 1, 150);
    interest_table_suggested(t, 1, 160);
    interest_table_suggested(t, 3, 170); /* a peer that has not joined */
    ck_assert(interest_table_next_piece(t, 1, 64, &c));
    ck_assert_uint_eq(c.piece, 150);
    ck_assert(interest_table_next_piece(t, 1, 64, &c));
    ck_assert_uint_eq(c.piece, 160);
    ck_assert(interest_table_next_piece(t, 1, 64, &c));
    ck_assert_uint_ge(c.piece, 100); /* pieces that other peers have are less rare */
    interest_table_suggested(t, 2, 150);
    interest_table_suggested(t, 2, 30);
    ck_assert(interest_table_next_piece(t, 2, 64, &c));
    ck_assert_uint_eq(c.piece, 30);
    interest_table_free(t);
}
END_TEST

RUN_SUITE("picking pieces", 10, the_rarest_piece_comes_first,
          rarest_first_holds_for_peers_with_few_pieces_of_many, the_first_pieces_are_random,
          started_pieces_come_before_new_ones, pieces_that_only_a_seed_has_come_from_the_seed,
          suggestions_break_ties_and_nothing_else);
