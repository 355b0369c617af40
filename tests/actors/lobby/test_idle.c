/* SPDX-License-Identifier: MIT */
#include "lobby_fixture.h"

static struct fixture f;
static struct remote r[40];

START_TEST(a_peer_that_breaks_the_protocol_is_closed)
{
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff, 7};

    fixture_begin(&f, 100);
    fixture_add(&f, 32);
    join_as(&f, &r[0], "-XX0000-abcdefghijkl", FAST);
    remote_send(&r[0], huge, sizeof huge);
    expect_over(&f, &r[0]);
    UNTIL(&f.actors, f.actors.n_joined_choker == 0);
    join_as(&f, &r[0], "-XX0000-abcdefghijkl", FAST);
    remote_send_message(&r[0], 2, 0, 0, 0, 0);
    UNTIL(&f.actors, remote_has_message(&r[0]));
    remote_send_message(&r[0], 6, 3, 0, 0, 1 << 20);
    expect_over(&f, &r[0]);
    UNTIL(&f.actors, f.actors.n_joined_choker == 0);
    /* Each HAVE is a message to InterestStat, so their number is bounded. */
    join_as(&f, &r[0], "-XX0000-abcdefghijkl", FAST);
    for (unsigned i = 0; i < 2 * N_PIECES + 2; i++)
        remote_send_message(&r[0], 4, 1, 1, 0, 0);
    expect_over(&f, &r[0]);
    fixture_end(&f);
}
END_TEST

/* One of two peers has joined InterestStat. After TorrentCompleted both have joined and received
 * Completed, and we are a seed to a peer that connects later. */
START_TEST(all_peers_learn_of_completion)
{
    struct lobby_torrent_completed *m = lobby_new_torrent_completed();
    struct lobby_have *have = lobby_new_have();

    fixture_begin(&f, 100);
    fixture_add(&f, N_PIECES - 1);
    join_as(&f, &r[0], "-XX0000-aaaaaaaaaaaa", FAST);
    remote_send_message(&r[0], 15, 0, 0, 0, 0);
    UNTIL(&f.actors, f.actors.n_joined_interest == 1);
    join_as(&f, &r[1], "-XX0000-bbbbbbbbbbbb", FAST);
    have->swarm = m->swarm = &f.actors.swarm;
    have->piece = N_PIECES - 1;
    ck_assert(lobby_tell_have(lobby_inbox(f.lobby), have));
    ck_assert(master_ask_lobby_torrent_completed(&f.actors.master, lobby_inbox(f.lobby), m));
    UNTIL(&f.actors, f.actors.n_replies == 1);
    actors_pump(&f.actors, 0);
    ck_assert_uint_eq(f.actors.n_joined_interest, 2);
    msg_free(f.actors.replies[--f.actors.n_replies]);
    for (unsigned i = 0; i < 2; i++) {
        remote_send_message(&r[i], 14, 0, 0, 0, 0);
        expect_over(&f, &r[i]);
    }
    UNTIL(&f.actors, !f.actors.n_joined_choker);
    join_as(&f, &r[2], "-XX0000-cccccccccccc", FAST);
    remote_send_message(&r[2], 14, 0, 0, 0, 0);
    expect_over(&f, &r[2]);
    ck_assert_uint_eq(f.actors.n_need_peers, 0);
    fixture_end(&f);
}
END_TEST

START_TEST(two_seeds_close_their_connection)
{
    fixture_begin(&f, 100);
    fixture_add(&f, N_PIECES);
    join_as(&f, &r[0], "-XX0000-aaaaaaaaaaaa", FAST);
    remote_send_message(&r[0], 14, 0, 0, 0, 0);
    expect_over(&f, &r[0]);
    fixture_end(&f);
}
END_TEST

RUN_SUITE("Idle peers", 60, a_peer_that_breaks_the_protocol_is_closed,
          all_peers_learn_of_completion, two_seeds_close_their_connection);
