/* SPDX-License-Identifier: MIT */
#include "pair.h"

START_TEST(a_flood_of_haves_ends_the_peer)
{
    begin(LEECHING);
    for (unsigned i = 0; i < 2 * N_PIECES + 1; i++)
        remote_send_message(&x.far, 4, 1, 5, 0, 0);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.actors, PEER_ID)->n_got, 2); /* the first, and the rest */
    remote_send_message(&x.far, 4, 1, 5, 0, 0);
    ck_assert_int_eq(turn(), -ECANCELED);
    ck_assert(x.p->at_fault);
    end();
}
END_TEST

START_TEST(a_peer_that_breaks_the_protocol_is_at_fault)
{
    begin(LEECHING);
    remote_send(&x.far, "\xff\xff\xff\xff", 4);
    ck_assert_int_lt(turn(), 0);
    ck_assert(x.p->at_fault);
    ck_assert_ptr_nonnull(x.p->reason);
    end();
}
END_TEST

START_TEST(suggestions_are_reported_only_while_we_are_interested)
{
    begin(LEECHING);
    actors_hold(&x.actors, interest_kind_piece_suggested);
    remote_send_message(&x.far, 13, 1, 5, 0, 0);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_held, 0);
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    ck_assert(x.p->session.we_interested);
    remote_send_message(&x.far, 13, 1, 5, 0, 0);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_held, 1);
    ck_assert_uint_eq(((struct interest_piece_suggested *)x.actors.held[0])->pieces.pieces[0], 5);
    actors_release(&x.actors);
    end();
}
END_TEST

RUN_SUITE("Peer: events", 20, a_flood_of_haves_ends_the_peer,
          a_peer_that_breaks_the_protocol_is_at_fault,
          suggestions_are_reported_only_while_we_are_interested);
