/* SPDX-License-Identifier: MIT */
#include "lobby_fixture.h"

static struct fixture f;
static struct remote r[40];

START_TEST(a_banned_host_is_closed_and_refused)
{
    struct addr a = {.ip = {127, 0, 0, 1}, .family = AF_INET};
    struct sockaddr_in in;
    socklen_t size = sizeof in;

    fixture_begin(&f, 100);
    fixture_add(&f, N_PIECES);
    join_as(&f, &r[0], "-XX0000-abcdefghijkl", FAST);
    join_as(&f, &r[1], "-XX0000-ABCDEFGHIJKL", FAST);
    remote_send_message(&r[1], 2, 0, 0, 0, 0); /* interested, so it gets a thread */
    UNTIL(&f.actors, remote_has_message(&r[1]));
    ck_assert_uint_eq(r[1].bytes[4], 1);
    for (unsigned i = 0; i < 2; i++) {
        getsockname(r[i].fd, (struct sockaddr *)&in, &size);
        a.port = ntohs(in.sin_port);
        ban(&f, &a);
        UNTIL(&f.actors, remote_is_over(&r[i]));
    }
    UNTIL(&f.actors, f.actors.n_joined_choker == 0);
    dial_from(&r[2], f.port, "127.0.0.1");
    expect_over(&f, &r[2]);
    /* Another host is accepted. */
    dial_from(&r[2], f.port, "127.0.0.9");
    actors_pause(&f.actors, 20 * NS_PER_MS);
    ck_assert(!remote_is_over(&r[2]));
    fixture_end(&f);
}
END_TEST

START_TEST(a_torrent_is_removed_with_peers_in_every_state)
{
    uint8_t bytes[68];
    struct addr a;
    int fd = listening(&a);
    struct stub_actors *w = &f.actors;

    fixture_begin(&f, 100);
    fixture_add(&f, 32);
    w->n_give = 2000;
    actors_hold(w, fs_kind_store_blocks);
    handshake(&f, "-XX0000-abcdefghijkl", FAST, bytes);
    dial_from(&r[0], f.port, "127.0.0.1"); /* silent */
    dial_from(&r[1], f.port, "127.0.0.1"); /* half a handshake */
    remote_send(&r[1], bytes, 50);
    read_handshake(&f, &r[1]);
    peers_found(&f, &a); /* dialled */
    UNTIL(w, took(fd, &r[2]));
    join_as(&f, &r[3], "-XX0000-idleidleidle", FAST);
    join_as(&f, &r[4], "-XX0000-leechleechle", FAST);
    remote_send_message(&r[4], 2, 0, 0, 0, 0);
    UNTIL(w, remote_has_message(&r[4]));
    for (unsigned i = 0; i < 200; i++) /* more than the socket takes */
        remote_send_message(&r[4], 6, 3, i % 32, 0, 16384);
    join_as(&f, &r[5], "-XX0000-seedseedseed", FAST);
    remote_send_message(&r[5], 14, 0, 0, 0, 0);
    remote_send_message(&r[5], 1, 0, 0, 0, 0);
    UNTIL(w, (answer_request(&f, &r[5]), w->n_held >= 2));
    fixture_ask_removal(&f);
    UNTIL(w, w->n_joined_choker == 0);
    actors_pause(w, 20 * NS_PER_MS);
    /* Its blocks are being written: it leaves InterestStat after the replies. */
    ck_assert_uint_eq(w->n_replies, 0);
    ck_assert_uint_eq(w->n_joined_interest, 1);
    ck_assert_uint_gt(w->n_claims, 0);
    actors_release(w);
    UNTIL(w, w->n_replies == 1);
    ck_assert_uint_eq(w->n_claims, 0);
    for (unsigned i = 1; i < 6; i++)
        UNTIL(w, remote_is_over(&r[i]));
    close(fd);
    fixture_end(&f);
}
END_TEST

/* It is removed, and added again while a peer of the removed one still closes. */
START_TEST(a_torrent_may_be_added_again_at_once)
{
    static struct swarm again_swarm;
    static struct torrent again;
    struct lobby_torrent_added *added = lobby_new_torrent_added();
    struct lobby_torrent_removed *removed = lobby_new_torrent_removed();

    fixture_begin(&f, 100);
    fixture_add(&f, N_PIECES);
    join_as(&f, &r[0], "-XX0000-aaaaaaaaaaaa", FAST);
    actors_hold(&f.actors, choker_kind_peer_left);
    fixture_ask_removal(&f);
    expect_over(&f, &r[0]);
    UNTIL(&f.actors, f.actors.n_held == 1);
    again = f.actors.torrent;
    again_swarm = f.actors.swarm;
    again.swarm = &again_swarm;
    added->torrent = &again;
    removed->swarm = &again_swarm;
    ck_assert_int_eq(bitfield_init(&added->have, N_PIECES), 0);
    for (unsigned i = 0; i < N_PIECES; i++)
        bitfield_set(&added->have, i);
    ck_assert(lobby_tell_torrent_added(lobby_inbox(f.lobby), added));
    join_as(&f, &r[1], "-XX0000-bbbbbbbbbbbb", FAST);
    actors_release(&f.actors);
    UNTIL(&f.actors, f.actors.n_replies == 1);
    join_as(&f, &r[2], "-XX0000-cccccccccccc", FAST);
    ck_assert(!remote_is_over(&r[1]));
    ck_assert(master_ask_lobby_torrent_removed(&f.actors.master, lobby_inbox(f.lobby), removed));
    UNTIL(&f.actors, f.actors.n_replies == 2);
    fixture_end(&f);
}
END_TEST

RUN_SUITE("Lobby", 60, a_banned_host_is_closed_and_refused,
          a_torrent_is_removed_with_peers_in_every_state, a_torrent_may_be_added_again_at_once);
