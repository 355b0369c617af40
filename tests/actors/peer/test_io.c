/* SPDX-License-Identifier: MIT */
#include "pair.h"

START_TEST(it_closes_a_peer_that_wants_nothing_from_a_seed)
{
    begin(SEEDING);
    remote_send_message(&x.far, 15, 0, 0, 0, 0);
    ck_assert_int_eq(turn(), 0);
    far_is_upload_only();
    ck_assert_int_eq(turn(), -ECONNABORTED);
    ck_assert_str_eq(x.p->reason, PEER_USELESS);
    end();
}
END_TEST

START_TEST(the_far_end_closes)
{
    begin(LEECHING);
    ck_assert_int_eq(peer_read(x.p, &x.scratch, x.now), 0);
    remote_send_message(&x.far, 2, 0, 0, 0, 0);
    remote_close(&x.far);
    ck_assert_int_eq(peer_read(x.p, &x.scratch, x.now), 0);
    ck_assert(x.p->session.peer_interested); /* its last message is read */
    ck_assert_int_eq(peer_read(x.p, &x.scratch, x.now), -ECONNRESET);
    ck_assert(!x.p->at_fault);
    end();
}
END_TEST

START_TEST(bytes_beyond_the_handshake_are_read_first)
{
    begin(LEECHING);
    ck_assert_int_eq(stream_push_back(&x.p->stream, "\0\0\0\1", 4), 0);
    remote_send(&x.far, "\2", 1);
    ck_assert_int_eq(peer_read(x.p, &x.scratch, x.now), 0);
    ck_assert(!x.p->session.peer_interested);
    ck_assert_int_eq(peer_read(x.p, &x.scratch, x.now), 0);
    ck_assert(x.p->session.peer_interested);
    end();
}
END_TEST

START_TEST(output_waits_for_a_full_stream)
{
    begin(LEECHING);
    shrink_send_buffer();
    for (unsigned i = 0; i < 4000; i++)
        session_send_have(&x.p->session, i % N_PIECES);
    ck_assert_int_eq(peer_flush(x.p, x.now), PEER_FULL);
    for (unsigned i = 0; i < 100; i++) {
        remote_pull(&x.far);
        if (!peer_flush(x.p, x.now))
            break;
    }
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.n, 4000 * 9);
    remote_close(&x.far);
    session_send_have(&x.p->session, 1);
    ck_assert_int_lt(peer_flush(x.p, x.now), 0);
    ck_assert_ptr_nonnull(x.p->reason);
    end();
}
END_TEST

RUN_SUITE("Peer: io", 20, it_closes_a_peer_that_wants_nothing_from_a_seed, the_far_end_closes,
          bytes_beyond_the_handshake_are_read_first, output_waits_for_a_full_stream);
