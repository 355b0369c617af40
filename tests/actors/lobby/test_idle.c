/* SPDX-License-Identifier: MIT */
#include "lobby_fixture.h"

static struct fixture f;
static struct remote r[40];

START_TEST(who_breaks_the_protocol_goes)
{
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff, 7};

    fixture_begin(&f, 100);
    fixture_add(&f, 32);
    join_as(&f, &r[0], "-XX0000-abcdefghijkl", true);
    remote_send(&r[0], huge, sizeof huge);
    expect_over(&f, &r[0]);
    UNTIL(&f.world, f.world.n_joined_choker == 0);
    join_as(&f, &r[0], "-XX0000-abcdefghijkl", true);
    remote_say(&r[0], 2, 0, 0, 0, 0);
    UNTIL(&f.world, remote_has_message(&r[0]));
    remote_say(&r[0], 6, 3, 0, 0, 1 << 20);
    expect_over(&f, &r[0]);
    UNTIL(&f.world, f.world.n_joined_choker == 0);
    /* HAVEs for ever are messages to InterestStat for ever. */
    join_as(&f, &r[0], "-XX0000-abcdefghijkl", true);
    for (unsigned i = 0; i < 2 * N_PIECES + 2; i++)
        remote_say(&r[0], 4, 1, 1, 0, 0);
    expect_over(&f, &r[0]);
    fixture_end(&f);
}
END_TEST

/* Two connections, one of which has joined InterestStat: after Completed both know, the other has
 * joined, and who comes later is told at once. */
START_TEST(all_hear_of_completion)
{
    struct lobby_torrent_completed *m = lobby_new_torrent_completed();
    struct lobby_have *have = lobby_new_have();

    fixture_begin(&f, 100);
    fixture_add(&f, N_PIECES - 1);
    join_as(&f, &r[0], "-XX0000-aaaaaaaaaaaa", true);
    remote_say(&r[0], 15, 0, 0, 0, 0);
    UNTIL(&f.world, f.world.n_joined_interest == 1);
    join_as(&f, &r[1], "-XX0000-bbbbbbbbbbbb", true);
    have->swarm = m->swarm = &f.world.swarm;
    have->piece = N_PIECES - 1;
    ck_assert(lobby_tell_have(lobby_inbox(f.lobby), have));
    ck_assert(master_ask_lobby_torrent_completed(&f.world.master, lobby_inbox(f.lobby), m));
    UNTIL(&f.world, f.world.n_home == 1);
    world_pump(&f.world, 0);
    ck_assert_uint_eq(f.world.n_joined_interest, 2);
    msg_free(f.world.home[--f.world.n_home]);
    for (unsigned i = 0; i < 2; i++) {
        remote_say(&r[i], 14, 0, 0, 0, 0);
        expect_over(&f, &r[i]);
    }
    UNTIL(&f.world, !f.world.n_joined_choker);
    join_as(&f, &r[2], "-XX0000-cccccccccccc", true);
    remote_say(&r[2], 14, 0, 0, 0, 0);
    expect_over(&f, &r[2]);
    ck_assert_uint_eq(f.world.n_need_peers, 0);
    fixture_end(&f);
}
END_TEST

START_TEST(two_seeds_have_nothing_to_say)
{
    fixture_begin(&f, 100);
    fixture_add(&f, N_PIECES);
    join_as(&f, &r[0], "-XX0000-aaaaaaaaaaaa", true);
    remote_say(&r[0], 14, 0, 0, 0, 0);
    expect_over(&f, &r[0]);
    fixture_end(&f);
}
END_TEST

RUN_SUITE("Idle peers", 60, who_breaks_the_protocol_goes, all_hear_of_completion,
          two_seeds_have_nothing_to_say);
