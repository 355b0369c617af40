/* SPDX-License-Identifier: MIT */
#include "pair.h"

START_TEST(each_piece_is_reported_once_however_often_it_says_so)
{
    begin(LEECHING);
    remote_send(&x.far, "\0\0\0\x9\x5\x80\0\0\0\0\0\0\0", 13);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.world, PEER_ID)->n_got, 1);
    remote_say(&x.far, 14, 0, 0, 0, 0);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.world, PEER_ID)->n_got, 1 + N_PIECES);
    remote_say(&x.far, 14, 0, 0, 0, 0);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.world, PEER_ID)->n_got, 1 + N_PIECES);
    end();
}
END_TEST

/* We are not complete: it may have what we want. But it gets no slot. */
START_TEST(a_peer_that_downloads_nothing_is_not_interested)
{
    begin(LEECHING);
    join_choker();
    remote_say(&x.far, 2, 0, 0, 0, 0);
    ck_assert_int_eq(turn(), 0);
    ck_assert(seen(&x.world, PEER_ID)->peer_interested);
    far_is_upload_only();
    ck_assert_int_eq(turn(), 0);
    ck_assert(x.p->session.peer_interested);
    ck_assert(!seen(&x.world, PEER_ID)->peer_interested);
    ck_assert(!seen(&x.world, PEER_ID)->is_seed);
    end();
}
END_TEST

START_TEST(a_super_seeder_learns_that_its_offer_is_not_wanted)
{
    begin(LEECHING);
    world_hold(&x.world, interest_kind_peer_not_interested);
    peer_report_not_interested(x.p);
    peer_super_seed(x.p);
    peer_report_not_interested(x.p);
    world_pump(&x.world, 0);
    ck_assert_uint_eq(x.world.n_held, 0); /* it has not joined yet */
    peer_join_interest(x.p);
    peer_report_not_interested(x.p);
    world_pump(&x.world, 0);
    ck_assert_uint_eq(x.world.n_held, 1);
    msg_free(x.world.held[0]);
    x.world.n_held = 0;
    end();
}
END_TEST

START_TEST(rates_are_what_moved_since_the_last_report)
{
    uint32_t piece, at;

    begin(LEECHING);
    join_choker();
    x.world.n_give = 1;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    while (next_request(&piece, &at))
        remote_say_block(&x.far, &x.world, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    for (unsigned i = 0; i < 2; i++) {
        peer_report_rates(x.p, x.now);
        world_pump(&x.world, 0);
        ck_assert_uint_eq(x.world.downloaded, 2 * BLOCK_SIZE);
        ck_assert_uint_eq(x.world.uploaded, 0);
    }
    end();
}
END_TEST

RUN_SUITE("Peer: report", 20, each_piece_is_reported_once_however_often_it_says_so,
          a_peer_that_downloads_nothing_is_not_interested,
          a_super_seeder_learns_that_its_offer_is_not_wanted,
          rates_are_what_moved_since_the_last_report);
