/* SPDX-License-Identifier: MIT */
#include "pair.h"

START_TEST(a_snubbing_peer_loses_its_claims_and_then_its_place)
{
    uint32_t piece, at;

    begin(LEECHING);
    x.actors.n_give = 4;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_claims, 4);
    ck_assert(next_request(&piece, &at));
    remote_send_block(&x.far, &x.actors, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    x.now += SESSION_SNUBBED_NS - NS_PER_S;
    ck_assert_int_eq(peer_download_tick(x.p, x.now), 0);
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 7);
    x.now += NS_PER_S;
    ck_assert_int_eq(peer_download_tick(x.p, x.now), 0);
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 0);
    x.actors.n_give = 0;
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_claims, 0);
    ck_assert_uint_eq(x.actors.stored_bytes, BLOCK_SIZE); /* the block that arrived is stored */
    /* After a pause it gets a claim again, and sends a block. */
    x.actors.n_give = 1;
    ck_assert_int_eq(turn(), 0);
    x.now += 11 * NS_PER_S;
    ck_assert_int_eq(turn(), 0);
    while (next_request(&piece, &at))
        ;
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 2);
    remote_send_block(&x.far, &x.actors, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    ck_assert_int_eq(peer_download_tick(x.p, x.now), 0);
    ck_assert(!x.p->work->download.snubbed);
    /* Twice in a row is enough. */
    x.now += SESSION_SNUBBED_NS;
    ck_assert_int_eq(peer_download_tick(x.p, x.now), 0);
    x.now += 11 * NS_PER_S;
    x.actors.n_give = 1;
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_claims, 1);
    x.now += SESSION_SNUBBED_NS;
    ck_assert_int_eq(peer_download_tick(x.p, x.now), -ETIMEDOUT);
    ck_assert(x.p->at_fault);
    end();
}
END_TEST

/* Transmission refuses all queued requests before it chokes, although it has the pieces. */
START_TEST(a_piece_is_lost_when_it_is_refused_twice)
{
    uint32_t piece, at;

    begin(LEECHING);
    x.actors.n_give = 1;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    ck_assert(next_request(&piece, &at));
    do
        remote_send_message(&x.far, 16, 3, piece, at, BLOCK_SIZE);
    while (next_request(&piece, &at));
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.actors, 7)->n_lost, 0);
    ck_assert_uint_eq(x.actors.n_claims, 0);
    x.now += 2 * NS_PER_S;
    x.actors.n_give = 1;
    x.actors.next_piece = piece;
    ck_assert_int_eq(turn(), 0);
    ck_assert(next_request(&piece, &at));
    remote_send_message(&x.far, 16, 3, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.actors, 7)->n_lost, 1);
    end();
}
END_TEST

START_TEST(a_write_error_ends_the_peer)
{
    uint32_t piece, at;

    begin(LEECHING);
    x.actors.n_give = 1;
    x.actors.store_error = -ENOSPC;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    while (next_request(&piece, &at))
        remote_send_block(&x.far, &x.actors, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), -ECANCELED);
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.stored_bytes, 0);
    ck_assert_uint_eq(x.actors.n_claims, 0);
    end();
}
END_TEST

START_TEST(a_claim_that_arrives_after_a_choke_is_returned)
{
    begin(LEECHING);
    x.actors.n_give = 1;
    actors_hold(&x.actors, interest_kind_next_piece);
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_gt(x.p->n_next_piece, 0);
    ck_assert(!peer_could_ask(x.p));
    remote_send_message(&x.far, 0, 0, 0, 0, 0);
    ck_assert_int_eq(turn(), 0);
    actors_release(&x.actors);
    ck_assert_uint_eq(x.actors.n_claims, 1);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_claims, 0);
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 0);
    end();
}
END_TEST

/* A claim is of one piece, here of two blocks: a query for more would hold quota in vain, and a
 * limit would allow one piece a grant. */
START_TEST(a_query_asks_for_a_piece_at_most)
{
    uint32_t n_asked = 0;

    begin(LEECHING);
    x.actors.grant = UINT32_MAX;
    actors_hold(&x.actors, interest_kind_next_piece);
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_ge(x.actors.n_held, 2);
    for (unsigned i = 0; i < x.actors.n_held; i++) {
        struct interest_next_piece *m = (void *)x.actors.held[i];

        ck_assert_uint_eq(m->n_blocks, PIECE_LENGTH / BLOCK_SIZE);
        n_asked += m->n_blocks;
    }
    ck_assert_uint_eq(n_asked, x.p->n_blocks_asked);
    actors_release(&x.actors);
    end();
}
END_TEST

/* What one claim could not use is there for the next one, at once. */
START_TEST(quota_that_a_claim_leaves_is_used_for_the_next)
{
    uint32_t granted;

    begin(LEECHING);
    x.actors.grant = UINT32_MAX;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    granted = x.p->work->quotas[DIRECTION_DOWN].n_bytes;
    peer_quota_return(x.p, DIRECTION_DOWN, BLOCK_SIZE);
    ck_assert_uint_eq(x.p->work->quotas[DIRECTION_DOWN].n_bytes, granted + BLOCK_SIZE);
    peer_quota_use(x.p, DIRECTION_DOWN, BLOCK_SIZE);
    end();
}
END_TEST

/* Fresh memory is slow. Of a piece of two blocks sixteen claims are in flight. */
START_TEST(the_buffers_of_all_claims_are_kept)
{
    unsigned n_claims;

    begin(LEECHING);
    x.actors.grant = UINT32_MAX;
    x.actors.n_give = 16;
    far_is_a_seed();
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(turn(), 0);
    n_claims = x.actors.n_claims;
    ck_assert_uint_ge(n_claims, 12);
    peer_download_drop_claims(x.p);
    ck_assert_uint_eq(x.p->work->download.n_spare, n_claims);
    end();
}
END_TEST

/* Other connections have taken all credits: this one goes on with two claims at a time, and keeps
 * no spare buffer. */
START_TEST(without_credits_a_connection_has_two_claims_at_a_time)
{
    begin(LEECHING);
    x.actors.grant = UINT32_MAX;
    x.actors.n_give = 16;
    credits_take_unasked(&x.buffers, PEER_BUFFERS_MAX);
    far_is_a_seed();
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_claims, 2);
    ck_assert_int_eq(credits_left(&x.buffers), -2 * (int64_t)PIECE_LENGTH);
    peer_download_drop_claims(x.p);
    ck_assert_uint_eq(x.p->work->download.n_spare, 0);
    ck_assert_int_eq(credits_left(&x.buffers), 0);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_claims, 2);
    credits_return(&x.buffers, PEER_BUFFERS_MAX);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(turn(), 0);
    ck_assert_uint_gt(x.actors.n_claims, 4);
    end();
}
END_TEST

RUN_SUITE("Peer: download", 30, without_credits_a_connection_has_two_claims_at_a_time,
          the_buffers_of_all_claims_are_kept, a_query_asks_for_a_piece_at_most,
          quota_that_a_claim_leaves_is_used_for_the_next,
          a_snubbing_peer_loses_its_claims_and_then_its_place,
          a_piece_is_lost_when_it_is_refused_twice, a_write_error_ends_the_peer,
          a_claim_that_arrives_after_a_choke_is_returned);
