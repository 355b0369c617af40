/* SPDX-License-Identifier: MIT */
#include "pair.h"

START_TEST(it_leaves_interest_after_its_blocks_are_stored)
{
    uint32_t piece, at;

    begin(LEECHING);
    x.actors.n_give = 3;
    actors_hold(&x.actors, fs_kind_store_blocks);
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(next_request(&piece, &at));
        remote_send_block(&x.far, &x.actors, piece, at, BLOCK_SIZE);
    }
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_held, 1);
    close_peer();
    ck_assert(!peer_continue_close(x.p));
    actors_pump(&x.actors, 0);
    peer_receive_all(x.p);
    ck_assert_uint_eq(x.actors.n_held, 2); /* half a piece is stored, too */
    ck_assert_uint_eq(x.actors.n_joined_interest, 1);
    actors_release(&x.actors);
    finish_close();
    ck_assert_uint_eq(x.actors.stored_bytes, 3 * BLOCK_SIZE);
    ck_assert_uint_eq(x.actors.n_claims, 0);
    end();
}
END_TEST

START_TEST(it_leaves_all_actors_that_know_it)
{
    begin(LEECHING);
    join_choker();
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_joined_choker, 1);
    ck_assert_uint_eq(x.actors.n_joined_interest, 1);
    actors_hold(&x.actors, choker_kind_peer_left);
    close_peer();
    ck_assert(!peer_continue_close(x.p));
    settle();
    ck_assert_uint_eq(x.actors.n_joined_interest, 0);
    ck_assert(!peer_continue_close(x.p)); /* Choker has not answered */
    actors_release(&x.actors);
    peer_receive_all(x.p);
    ck_assert(peer_continue_close(x.p));
    ck_assert_uint_eq(x.actors.n_joined_choker, 0);
    remote_pull(&x.far);
    ck_assert(remote_is_over(&x.far));
    end();
}
END_TEST

RUN_SUITE("Peer: close", 20, it_leaves_interest_after_its_blocks_are_stored,
          it_leaves_all_actors_that_know_it);
