/* SPDX-License-Identifier: MIT */
#include "pair.h"

/* A socket that accepts a few KiB at a time cuts the batches anywhere; a HAVE is sent only between
 * two blocks. */
START_TEST(a_slow_reader_gets_whole_blocks)
{
    static const uint32_t lengths[] = {16384, 1, 16383, 60000, 5, 16384, 12000};
    unsigned n_have = 0;
    uint32_t from = 5;

    begin(SEEDING);
    x.actors.torrent.geometry = (struct geometry){
        .total_length = LENGTH, .piece_length = 65536, .n_pieces = LENGTH / 65536};
    shrink_send_buffer();
    session_set_choking(&x.p->session, false);
    for (unsigned i = 0; i < N_ELEMENTS(lengths); i++)
        remote_send_message(&x.far, 6, 3, i, 0, lengths[i]);
    for (unsigned i = 0; i < 200; i++) {
        if (i % 20 == 1)
            session_send_have(&x.p->session, i);
        ck_assert_int_eq(turn(), 0);
        remote_pull(&x.far);
    }
    ck_assert(!peer_is_sending(x.p));
    for (unsigned i = 0; i < N_ELEMENTS(lengths);) {
        if (get_be32(x.far.bytes + from) == 5) {
            n_have++;
            from += 9;
            continue;
        }
        from += check_block(i, 0, lengths[i], from);
        i++;
    }
    ck_assert_uint_gt(n_have, 0);
    ck_assert_uint_eq(x.far.n, from + (10 - n_have) * 9);
    ck_assert_uint_eq(x.p->session.up.total, 121157);
    end();
}
END_TEST

START_TEST(a_guided_peer_reports_each_piece_once)
{
    struct peer_unchoke *unchoke = peer_new_unchoke();
    struct peer_suggest *suggest = peer_new_suggest();

    begin(SEEDING);
    suggest->piece = 9;
    unchoke->guided = true;
    peer_tell_or_drop_suggest(&x.p->inbox, suggest);
    peer_tell_or_drop_unchoke(&x.p->inbox, unchoke);
    ck_assert_int_eq(turn(), 0);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.n, 9 + 5);
    ck_assert_mem_eq(x.far.bytes, "\0\0\0\5\15\0\0\0\11\0\0\0\1\1", 14);
    remote_send_message(&x.far, 6, 3, 0, 0, 16384);
    remote_send_message(&x.far, 6, 3, 0, 16384, 16384);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_began, 1);
    ck_assert_uint_eq(x.actors.last_began, 0);
    remote_send_message(&x.far, 6, 3, 9, 0, 16384);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_began, 2);
    ck_assert_uint_eq(x.actors.last_began, 9);
    peer_tell_or_drop_unguided(&x.p->inbox, peer_new_unguided());
    remote_send_message(&x.far, 6, 3, 4, 0, 16384);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.n_began, 2);
    end();
}
END_TEST

START_TEST(a_file_that_became_shorter_ends_the_peer)
{
    begin(SEEDING);
    session_set_choking(&x.p->session, false);
    remote_send_message(&x.far, 6, 3, 3, 0, 16384);
    remote_send_message(&x.far, 6, 3, 2, 0, 16384);
    ck_assert_int_eq(ftruncate(x.actors.content_fd, 3 * PIECE_LENGTH), 0);
    ck_assert_int_eq(turn(), -EPIPE);
    ck_assert_ptr_nonnull(strstr(x.p->reason, "shorter"));
    end();
}
END_TEST

START_TEST(a_peer_that_does_not_read_gets_stuck)
{
    begin(SEEDING);
    shrink_send_buffer();
    session_set_choking(&x.p->session, false);
    ck_assert_int_eq(turn(), 0);
    ck_assert(!peer_is_sending(x.p));
    ck_assert(!peer_is_stuck(x.p, x.now + 1000 * NS_PER_S));
    remote_send_message(&x.far, 6, 3, 3, 0, 16384);
    ck_assert_int_eq(turn(), 0);
    ck_assert_int_eq(peer_serve(x.p, x.now), PEER_FULL);
    ck_assert(peer_is_sending(x.p));
    ck_assert(!peer_is_stuck(x.p, x.now + 249 * NS_PER_S));
    ck_assert(peer_is_stuck(x.p, x.now + 251 * NS_PER_S));
    x.now += 251 * NS_PER_S;
    remote_pull(&x.far);
    ck_assert_int_eq(turn(), 0);
    ck_assert(!peer_is_stuck(x.p, x.now));
    end();
}
END_TEST

RUN_SUITE("Peer: serve", 30, a_slow_reader_gets_whole_blocks, a_guided_peer_reports_each_piece_once,
          a_file_that_became_shorter_ends_the_peer, a_peer_that_does_not_read_gets_stuck);
