/* SPDX-License-Identifier: MIT */
#include "pair.h"

/* Only some files are wanted, and all of their pieces, 0 to 9, are verified. */
START_TEST(a_partial_seed_sends_upload_only_and_serves_its_pieces)
{
    struct bitfield have;
    uint32_t n;

    begin(LEECHING);
    ck_assert_int_eq(bitfield_init(&have, N_PIECES), 0);
    for (unsigned i = 0; i < 10; i++)
        bitfield_set(&have, i);
    session_set_extensions(&x.p->session, &extensions_ours, x.p->torrent->swarm->is_private);
    session_set_interested(&x.p->session, true);
    session_set_choking(&x.p->session, false);
    channel_close(&x.actors.torrent.interest.channel);
    remote_send_message(&x.far, 6, 3, 3, 0, 16384);
    remote_send_message(&x.far, 6, 3, 10, 0, 16384);
    remote_send_message(&x.far, 6, 3, 9, 16384, 16384);
    /* InterestStat has ended, and Completed has not arrived yet. */
    ck_assert_int_eq(turn(), 0);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.n, 5 + 5);
    remote_drop(&x.far, 10);
    send_completed(&have);
    ck_assert_int_eq(turn(), 0);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.bytes[4], 3); /* not interested */
    remote_drop(&x.far, 5);
    n = get_be32(x.far.bytes);
    ck_assert_mem_eq(x.far.bytes + 4, "\x14\0d1:md", 7);
    ck_assert_ptr_nonnull(memmem(x.far.bytes, 4 + n, "11:upload_onlyi1e", 17));
    remote_drop(&x.far, 4 + n);
    remote_drop(&x.far, check_block(3, 0, 16384, 0));
    remote_drop(&x.far, check_block(9, 16384, 16384, 0));
    ck_assert_uint_eq(x.far.n, 17);
    ck_assert_uint_eq(x.far.bytes[4], 16); /* refused */
    ck_assert_uint_eq(get_be32(x.far.bytes + 5), 10);
    bitfield_deinit(&have);
    end();
}
END_TEST

START_TEST(it_closes_once_neither_end_wants_anything)
{
    begin(LEECHING);
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    send_completed(NULL);
    ck_assert_int_eq(turn(), -ECANCELED);
    ck_assert_str_eq(x.p->reason, PEER_USELESS);
    end();
}
END_TEST

START_TEST(all_pieces_are_announced_when_super_seeding_ends)
{
    begin(LEECHING);
    peer_super_seed(x.p);
    send_completed(NULL);
    ck_assert_int_eq(turn(), 0);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.n, N_PIECES * 9);
    for (uint32_t i = 0; i < N_PIECES; i++) {
        ck_assert_uint_eq(x.far.bytes[9 * i + 4], 4);
        ck_assert_uint_eq(get_be32(x.far.bytes + 9 * i + 5), i);
    }
    ck_assert(!x.p->super_seeding && x.p->session.we_have_all);
    end();
}
END_TEST

START_TEST(blocks_that_another_peer_sent_are_cancelled)
{
    struct peer_cancel_blocks *m = peer_new_cancel_blocks();
    uint32_t piece, at;

    begin(LEECHING);
    x.actors.n_give = 1;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 2);
    ck_assert(next_request(&piece, &at));
    m->piece = piece;
    m->blocks = 3;
    peer_tell_or_drop_cancel_blocks(&x.p->inbox, m);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 0);
    ck_assert_uint_eq(x.actors.n_claims, 0);
    end();
}
END_TEST

START_TEST(a_shutdown_closes_it)
{
    begin(SEEDING);
    peer_tell_or_drop_shutdown(&x.p->inbox, peer_new_shutdown());
    ck_assert_int_eq(turn(), -ECANCELED);
    ck_assert(!x.p->at_fault);
    end();
}
END_TEST

RUN_SUITE("Peer: inbox", 20, a_partial_seed_sends_upload_only_and_serves_its_pieces,
          it_closes_once_neither_end_wants_anything,
          all_pieces_are_announced_when_super_seeding_ends,
          blocks_that_another_peer_sent_are_cancelled, a_shutdown_closes_it);
