/* SPDX-License-Identifier: MIT */
#include "pair.h"

START_TEST(a_repeated_bitfield_reports_each_piece_once)
{
    begin(LEECHING);
    remote_send(&x.far, "\0\0\0\x9\x5\x80\0\0\0\0\0\0\0", 13);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.actors, PEER_ID)->n_got, 1);
    remote_send_message(&x.far, 14, 0, 0, 0, 0);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.actors, PEER_ID)->n_got, 1 + N_PIECES);
    remote_send_message(&x.far, 14, 0, 0, 0, 0);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.actors, PEER_ID)->n_got, 1 + N_PIECES);
    end();
}
END_TEST

/* It may have pieces for us, so it stays connected, but it gets no upload slot. */
START_TEST(a_peer_that_downloads_nothing_is_not_interested)
{
    begin(LEECHING);
    join_choker();
    remote_send_message(&x.far, 2, 0, 0, 0, 0);
    ck_assert_int_eq(turn(), 0);
    ck_assert(seen(&x.actors, PEER_ID)->peer_interested);
    far_is_upload_only();
    ck_assert_int_eq(turn(), 0);
    ck_assert(x.p->session.peer_interested);
    ck_assert(!seen(&x.actors, PEER_ID)->peer_interested);
    ck_assert(!seen(&x.actors, PEER_ID)->is_seed);
    end();
}
END_TEST

START_TEST(a_super_seeder_learns_that_its_offer_is_not_wanted)
{
    begin(LEECHING);
    actors_hold(&x.actors, interest_kind_peer_not_interested);
    peer_report_not_interested(x.p);
    peer_super_seed(x.p);
    peer_report_not_interested(x.p);
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.n_held, 0); /* it has not joined yet */
    peer_join_interest(x.p);
    peer_report_not_interested(x.p);
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.n_held, 1);
    msg_free(x.actors.held[0]);
    x.actors.n_held = 0;
    end();
}
END_TEST

START_TEST(rates_are_what_moved_since_the_last_report)
{
    uint32_t piece, at;

    begin(LEECHING);
    join_choker();
    x.actors.n_give = 1;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    while (next_request(&piece, &at))
        remote_send_block(&x.far, &x.actors, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    for (unsigned i = 0; i < 2; i++) {
        peer_report_rates(x.p, x.now);
        actors_pump(&x.actors, 0);
        ck_assert_uint_eq(x.actors.downloaded, 2 * BLOCK_SIZE);
        ck_assert_uint_eq(x.actors.uploaded, 0);
    }
    end();
}
END_TEST

RUN_SUITE("Peer: report", 20, a_repeated_bitfield_reports_each_piece_once,
          a_peer_that_downloads_nothing_is_not_interested,
          a_super_seeder_learns_that_its_offer_is_not_wanted,
          rates_are_what_moved_since_the_last_report);
