/* SPDX-License-Identifier: MIT */
#include "small_table.h"

#include "conjure/base/clock.h"

START_TEST(long_pieces_are_claimed_in_parts)
{
    struct interest_table *t = table_of(1, 150, 0);
    struct claim c[3];

    join_seed(t, 1);
    for (int i = 0; i < 3; i++)
        ck_assert(interest_table_next_piece(t, 1, 64, &c[i]));
    ck_assert(c[0].first_block == 0 && c[0].n_blocks == 64 && c[0].blocks == UINT64_MAX);
    ck_assert(c[1].first_block == 64 && c[1].n_blocks == 64);
    ck_assert(c[2].first_block == 128 && c[2].n_blocks == 22);
    ck_assert(!interest_table_next_piece(t, 1, 64, &c[0])); /* not its own blocks again */
    /* Free blocks on both sides of a word border make one claim. */
    interest_table_blocks_stored(t, c[1].id, 0, 64, ~(UINT64_C(3) << 62));
    interest_table_claim_returned(t, 1, c[1].id);
    interest_table_blocks_stored(t, c[2].id, 0, 128, c[2].blocks & ~UINT64_C(3));
    interest_table_claim_returned(t, 1, c[2].id);
    ck_assert(interest_table_next_piece(t, 1, 64, &c[0]));
    ck_assert(c[0].first_block == 126 && c[0].n_blocks == 4 && c[0].blocks == 15);
    interest_table_free(t);
}
END_TEST

/* BlocksStored arrives before ClaimReturned: the first stores blocks, the second frees the
 * others. */
START_TEST(a_claim_returns_what_is_not_stored)
{
    struct interest_table *t = table_of(1, 16, 0);
    struct claim a, b;
    uint64_t generation;

    join_seed(t, 1);
    join_seed(t, 2);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    ck_assert(interest_table_next_piece(t, 2, 64, &b)); /* endgame: its second half */
    ck_assert_uint_eq(b.first_block, 8);
    generation = interest_table_generation(t);
    interest_table_blocks_stored(t, a.id, 0, 0, 0x0f0f);
    ck_assert_uint_eq(interest_table_generation(t), generation); /* no block became free */
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

/* Two peers send the same block: the piece fails with the first copy, then FS writes the second. */
START_TEST(a_block_stored_after_the_piece_failed_counts)
{
    struct interest_table *t = table_of(1, 4, 0);
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

START_TEST(a_suspect_piece_goes_to_one_peer_alone)
{
    struct interest_table *t = table_of(1, 16, 0);
    struct claim a, b;

    join_seed(t, 1);
    join_seed(t, 2);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    interest_table_blocks_stored(t, a.id, 0, 0, a.blocks);
    interest_table_piece_failed(t, 0);
    interest_table_claim_returned(t, 1, a.id); /* of the failed attempt: no effect */
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

START_TEST(endgame_shares_the_oldest_claims_and_cancels_the_slower)
{
    struct interest_table *t = table_of(1, 16, 0);
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
    interest_table_requested(t, 1, a.id, CLAIM_FROM_SEEDER);
    ck_assert(interest_table_next_piece(t, 2, 64, &b));
    ck_assert(b.first_block == 8 && b.blocks == 0xff);
    ck_assert(interest_table_next_piece(t, 3, 64, &c)); /* every block that is held once */
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

START_TEST(endgame_shares_claims_from_leechers_first)
{
    struct interest_table *t = table_of(2, 4, 0);
    struct claim a, b, c;

    for (uint32_t p = 1; p <= 3; p++)
        join_seed(t, p);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    interest_table_requested(t, 1, a.id, CLAIM_FROM_SEEDER);
    ck_assert(interest_table_next_piece(t, 2, 64, &b));
    interest_table_requested(t, 2, b.id, CLAIM_FROM_LEECHER);
    ck_assert(interest_table_next_piece(t, 3, 64, &c));
    ck_assert_uint_eq(c.piece, b.piece);
    ck_assert(interest_table_next_piece(t, 3, 64, &c));
    ck_assert_uint_eq(c.piece, a.piece);
    interest_table_free(t);
}
END_TEST

START_TEST(a_piece_that_no_peer_has_does_not_delay_endgame)
{
    struct interest_table *t = table_of(2, 4, 0);
    struct claim a, b;

    join_with(t, 1, 2, 0, 1);
    join_with(t, 2, 2, 0, 1);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    ck_assert(interest_table_next_piece(t, 2, 64, &b));
    ck_assert_uint_eq(b.piece, a.piece);
    interest_table_free(t);
}
END_TEST

static uint64_t last_half_of_piece_1(const void *user, uint32_t piece, uint32_t first_block)
{
    ck_assert_ptr_eq(user, &rng);
    return piece == 1 && !first_block ? 0xff00 : 0;
}

START_TEST(padding_is_not_claimed)
{
    struct interest_table *t = table_of(2, 16, 0);
    uint32_t n = 0;
    struct claim c;

    interest_table_set_padding(t, last_half_of_piece_1, &rng);
    join_seed(t, 1);
    while (interest_table_next_piece(t, 1, 64, &c)) {
        ck_assert_uint_eq(c.blocks, c.piece ? 0xff : 0xffff);
        interest_table_blocks_stored(t, c.id, c.piece, c.first_block, c.blocks);
        n++;
    }
    ck_assert_uint_eq(n, 2);
    ck_assert_uint_eq(interest_table_progress(t).stored, 32 * BLOCK_SIZE);
    interest_table_free(t);
}
END_TEST

/* Other peers have the pieces, but choke us: they have no claims. */
START_TEST(pieces_of_peers_that_choke_do_not_delay_endgame)
{
    struct interest_table *t = table_of(3, 16, 0);
    struct claim a, b;

    join_with(t, 1, 3, 0, 1);
    join_with(t, 2, 3, 0, 1);
    join_seed(t, 3); /* chokes us */
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    ck_assert(interest_table_next_piece(t, 2, 64, &b));
    ck_assert_uint_eq(b.piece, 0);
    interest_table_claim_returned(t, 2, b.id);
    /* The seed unchokes us: its pieces come first. */
    ck_assert(interest_table_next_piece(t, 3, 64, &b));
    ck_assert_uint_ne(b.piece, 0);
    ck_assert(!interest_table_next_piece(t, 2, 64, &b));
    interest_table_free(t);
}
END_TEST

#define SECONDS(n) ((n)*NS_PER_S)

/* A peer that sends nothing holds a block up for a bounded time, and two such peers do not hold it
 * up for longer. */
START_TEST(overdue_claims_are_shared_and_then_taken_over)
{
    struct interest_table *t = table_of(100, 4, 0);
    struct interest_effect e;
    struct claim a, b, c;
    uint64_t generation;

    interest_table_tick(t, SECONDS(1));
    join_with(t, 1, 100, 0, 1);
    join_with(t, 2, 100, 0, 1);
    join_with(t, 3, 100, 0, 1);
    join_seed(t, 4);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    ck_assert_uint_eq(a.piece, 0);
    ck_assert(interest_table_next_piece(t, 4, 64, &b)); /* there is much more: no endgame */
    ck_assert(!interest_table_next_piece(t, 2, 64, &b));
    generation = interest_table_generation(t);
    interest_table_tick(t, SECONDS(30));
    ck_assert_uint_eq(interest_table_generation(t), generation);
    interest_table_tick(t, SECONDS(31));
    ck_assert_uint_ne(interest_table_generation(t), generation);
    ck_assert(interest_table_next_piece(t, 2, 64, &b));
    ck_assert_uint_eq(b.piece, 0);
    ck_assert_uint_eq(b.blocks, a.blocks);
    ck_assert(!interest_table_next_piece(t, 3, 64, &c));
    interest_table_tick(t, SECONDS(60));
    ck_assert(!interest_table_next_piece(t, 3, 64, &c));
    interest_table_tick(t, SECONDS(61));
    while (interest_table_next_effect(t, &e))
        ;
    ck_assert(interest_table_next_piece(t, 3, 64, &c));
    ck_assert_uint_eq(c.blocks, a.blocks);
    ck_assert(interest_table_next_effect(t, &e));
    ck_assert(e.kind == INTEREST_CANCEL && e.peer == 1 && e.blocks == a.blocks);
    interest_table_blocks_stored(t, c.id, 0, 0, c.blocks);
    ck_assert(interest_table_next_effect(t, &e));
    ck_assert(e.kind == INTEREST_CANCEL && e.peer == 2);
    ck_assert(!interest_table_next_effect(t, &e));
    interest_table_free(t);
}
END_TEST

/* A peer that was fast is overdue sooner than one that nothing is known about. */
START_TEST(a_claim_is_overdue_by_the_rate_of_its_peer)
{
    struct interest_table *t = table_of(100, 4, 0);
    struct claim a, b;

    interest_table_tick(t, SECONDS(1));
    join_with(t, 1, 100, 0, 2);
    join_with(t, 2, 100, 0, 2);
    join_seed(t, 3);
    ck_assert(interest_table_next_piece(t, 3, 64, &b));
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    interest_table_tick(t, SECONDS(3)); /* half a second a block */
    interest_table_blocks_stored(t, a.id, a.piece, 0, a.blocks);
    interest_table_piece_completed(t, a.piece);
    ck_assert(interest_table_next_piece(t, 1, 64, &a));
    interest_table_tick(t, SECONDS(10));
    ck_assert(!interest_table_next_piece(t, 2, 64, &b));
    interest_table_tick(t, SECONDS(11)); /* eight seconds: four times as long */
    ck_assert(interest_table_next_piece(t, 2, 64, &b));
    ck_assert_uint_eq(b.piece, a.piece);
    interest_table_free(t);
}
END_TEST

START_TEST(the_owner_of_a_suspect_piece_holds_nothing_up)
{
    struct interest_table *t = table_of(2, 16, 0);
    struct claim a, b, c;

    interest_table_tick(t, SECONDS(1));
    join_with(t, 1, 2, 0, 1);
    join_seed(t, 2);
    join_seed(t, 3);
    interest_table_piece_failed(t, 0);
    ck_assert(interest_table_next_piece(t, 1, 1, &a)); /* one block, and it does not send it */
    ck_assert_uint_eq(a.piece, 0);
    ck_assert(interest_table_next_piece(t, 2, 64, &b));
    ck_assert_uint_eq(b.piece, 1);
    /* The rest of the suspect piece is for its owner: endgame for the others. */
    ck_assert(interest_table_next_piece(t, 3, 64, &c));
    ck_assert_uint_eq(c.piece, 1);
    interest_table_blocks_stored(t, b.id, 1, 0, 0xffff);
    interest_table_piece_completed(t, 1);
    ck_assert(!interest_table_next_piece(t, 3, 64, &c));
    interest_table_tick(t, SECONDS(31));
    ck_assert(interest_table_next_piece(t, 3, 64, &c));
    ck_assert(c.piece == 0 && c.blocks == 0xffff);
    ck_assert(!interest_table_next_piece(t, 2, 64, &b)); /* it has another owner now */
    interest_table_free(t);
}
END_TEST

RUN_SUITE("claims", 10, long_pieces_are_claimed_in_parts, a_claim_returns_what_is_not_stored,
          a_block_stored_after_the_piece_failed_counts, a_suspect_piece_goes_to_one_peer_alone,
          endgame_shares_the_oldest_claims_and_cancels_the_slower,
          endgame_shares_claims_from_leechers_first,
          a_piece_that_no_peer_has_does_not_delay_endgame, padding_is_not_claimed,
          pieces_of_peers_that_choke_do_not_delay_endgame,
          overdue_claims_are_shared_and_then_taken_over, a_claim_is_overdue_by_the_rate_of_its_peer,
          the_owner_of_a_suspect_piece_holds_nothing_up);
