/* SPDX-License-Identifier: MIT */
#include "pair.h"

START_TEST(quota_is_neither_lost_nor_stretched)
{
    uint32_t piece, at, n = 0;

    begin(LEECHING);
    x.actors.grant = UINT32_MAX;
    x.actors.n_give = 20;
    far_is_a_seed();
    while (n < 7) {
        ck_assert_int_eq(turn(), 0);
        x.now += 3 * NS_PER_S;
        while (n < 7 && next_request(&piece, &at)) {
            if (n++ % 2)
                remote_send_message(&x.far, 16, 3, piece, at, BLOCK_SIZE);
            else
                remote_send_block(&x.far, &x.actors, piece, at, BLOCK_SIZE);
        }
        ck_assert_uint_le(x.actors.stored_bytes + session_n_in_flight(&x.p->session) * BLOCK_SIZE,
                          x.actors.granted_down);
    }
    ck_assert_int_eq(turn(), 0);
    x.actors.n_give = 0;
    remote_send_message(&x.far, 0, 0, 0, 0, 0); /* choke; BEP 6: each request is refused */
    while (next_request(&piece, &at))
        remote_send_message(&x.far, 16, 3, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 0);
    ck_assert_uint_eq(x.p->work->quotas[DIRECTION_DOWN].n_bytes + x.p->n_blocks_asked * BLOCK_SIZE +
                          x.p->session.down.total,
                      x.actors.granted_down);
    close_peer();
    finish_close();
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.p->session.down.total, x.actors.granted_down);
    end();
}
END_TEST

START_TEST(uploads_wait_for_quota_and_control_does_not)
{
    begin(SEEDING);
    x.actors.grant = UINT32_MAX;
    actors_hold(&x.actors, bandwidth_kind_want_quota);
    session_set_choking(&x.p->session, false);
    remote_send_message(&x.far, 6, 3, 3, 0, 16384);
    remote_send_message(&x.far, 6, 3, 4, 100, 5000);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_held, 1);
    ck_assert(remote_has(&x.far, 5));
    ck_assert_uint_eq(x.far.n, 5); /* unchoke and nothing else */
    session_send_have(&x.p->session, 9);
    ck_assert_int_eq(turn(), 0);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.n, 14);
    actors_release(&x.actors);
    ck_assert_int_eq(turn(), 0);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.n, 14 + 13 + 16384 + 13 + 5000);
    ck_assert_mem_eq(x.far.bytes + 27, x.actors.content + 3 * PIECE_LENGTH, 16384);
    ck_assert_uint_eq(x.actors.granted_up - x.p->work->quotas[DIRECTION_UP].n_bytes, 16384 + 5000);
    ck_assert_uint_eq(x.actors.n_leases, 1);
    end();
}
END_TEST

START_TEST(a_grant_that_is_not_used_is_returned)
{
    begin(SEEDING);
    x.actors.grant = UINT32_MAX;
    ck_assert_uint_eq(peer_quota_get(x.p, DIRECTION_UP, 100, 200, x.now), 0);
    settle();
    ck_assert_uint_eq(x.actors.granted_up, 200);
    ck_assert_uint_eq(peer_quota_get(x.p, DIRECTION_UP, 100, 150, x.now), 150);
    peer_quota_use(x.p, DIRECTION_UP, 50);
    peer_quota_tick(x.p);
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.granted_up, 200); /* it was used lately */
    peer_quota_tick(x.p);
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.granted_up, 50);
    ck_assert_uint_eq(x.p->work->quotas[DIRECTION_UP].n_bytes, 0);
    end();
}
END_TEST

static int tuned_to;

static void record_tuning(struct stream *s, enum stream_tuning tuning, int value)
{
    ck_assert_int_eq(tuning, STREAM_UNSENT_MAX);
    tuned_to = value;
}

/* Bytes that wait in the kernel's buffer are quota that other peers cannot use. */
START_TEST(a_limited_stream_accepts_little)
{
    struct stream_transport transport;

    begin(SEEDING);
    transport = *x.p->stream.transport;
    transport.tune = record_tuning;
    x.p->stream.transport = &transport;
    tuned_to = -1;
    peer_quota_get(x.p, DIRECTION_UP, 1, 1, x.now);
    settle();
    ck_assert_int_eq(tuned_to, -1); /* no limit, as before */
    x.actors.grant = UINT32_MAX;
    x.p->work->quotas[DIRECTION_UP].free_until_ns = 0;
    peer_quota_get(x.p, DIRECTION_UP, 1, 1, x.now);
    settle();
    ck_assert_int_gt(tuned_to, 0);
    x.actors.grant = 0;
    peer_quota_get(x.p, DIRECTION_UP, 2, 2, x.now);
    settle();
    ck_assert_int_eq(tuned_to, 0);
    end();
}
END_TEST

RUN_SUITE("Peer: quota", 30, quota_is_neither_lost_nor_stretched,
          uploads_wait_for_quota_and_control_does_not, a_grant_that_is_not_used_is_returned,
          a_limited_stream_accepts_little);
