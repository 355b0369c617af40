/* SPDX-License-Identifier: MIT */
#include "pair.h"

START_TEST(a_snubbing_peer_loses_its_claims_and_then_its_place)
{
    uint32_t piece, at;

    begin(LEECHING);
    x.world.n_give = 4;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.world.n_claims, 4);
    ck_assert(next_request(&piece, &at));
    remote_say_block(&x.far, &x.world, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    x.now += SESSION_SNUBBED_NS - NS_PER_S;
    ck_assert_int_eq(peer_download_tick(x.p, x.now), 0);
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 7);
    x.now += NS_PER_S;
    ck_assert_int_eq(peer_download_tick(x.p, x.now), 0);
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 0);
    x.world.n_give = 0;
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.world.n_claims, 0);
    ck_assert_uint_eq(x.world.stored_bytes, BLOCK_SIZE); /* what had come is kept */
    /* A pause; then it gets another chance, and uses it. */
    x.world.n_give = 1;
    ck_assert_int_eq(turn(), 0);
    x.now += 11 * NS_PER_S;
    ck_assert_int_eq(turn(), 0);
    while (next_request(&piece, &at))
        ;
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 2);
    remote_say_block(&x.far, &x.world, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    ck_assert_int_eq(peer_download_tick(x.p, x.now), 0);
    ck_assert(!x.p->work->download.snubbed);
    /* Twice in a row is enough. */
    x.now += SESSION_SNUBBED_NS;
    ck_assert_int_eq(peer_download_tick(x.p, x.now), 0);
    x.now += 11 * NS_PER_S;
    x.world.n_give = 1;
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.world.n_claims, 1);
    x.now += SESSION_SNUBBED_NS;
    ck_assert_int_eq(peer_download_tick(x.p, x.now), -ETIMEDOUT);
    ck_assert(x.p->at_fault);
    end();
}
END_TEST

/* Transmission refuses what it holds and then chokes: it has the pieces all the same. */
START_TEST(a_piece_is_lost_when_it_is_refused_twice)
{
    uint32_t piece, at;

    begin(LEECHING);
    x.world.n_give = 1;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    ck_assert(next_request(&piece, &at));
    do
        remote_say(&x.far, 16, 3, piece, at, BLOCK_SIZE);
    while (next_request(&piece, &at));
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.world, 7)->n_lost, 0);
    ck_assert_uint_eq(x.world.n_claims, 0);
    x.now += 2 * NS_PER_S;
    x.world.n_give = 1;
    x.world.next_piece = piece;
    ck_assert_int_eq(turn(), 0);
    ck_assert(next_request(&piece, &at));
    remote_say(&x.far, 16, 3, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.world, 7)->n_lost, 1);
    end();
}
END_TEST

START_TEST(a_disk_that_refuses_ends_the_peer)
{
    uint32_t piece, at;

    begin(LEECHING);
    x.world.n_give = 1;
    x.world.store_error = -ENOSPC;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    while (next_request(&piece, &at))
        remote_say_block(&x.far, &x.world, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), -ECANCELED);
    world_pump(&x.world, 0);
    ck_assert_uint_eq(x.world.stored_bytes, 0);
    ck_assert_uint_eq(x.world.n_claims, 0);
    end();
}
END_TEST

START_TEST(a_claim_that_comes_after_a_choke_is_returned)
{
    begin(LEECHING);
    x.world.n_give = 1;
    world_hold(&x.world, interest_kind_next_piece);
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_gt(x.p->n_next_piece, 0);
    ck_assert(!peer_could_ask(x.p));
    remote_say(&x.far, 0, 0, 0, 0, 0);
    ck_assert_int_eq(turn(), 0);
    world_release(&x.world);
    ck_assert_uint_eq(x.world.n_claims, 1);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.world.n_claims, 0);
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 0);
    end();
}
END_TEST

RUN_SUITE("Peer: download", 30, a_snubbing_peer_loses_its_claims_and_then_its_place,
          a_piece_is_lost_when_it_is_refused_twice, a_disk_that_refuses_ends_the_peer,
          a_claim_that_comes_after_a_choke_is_returned);
