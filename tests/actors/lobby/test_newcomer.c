/* SPDX-License-Identifier: MIT */
#include "lobby_fixture.h"

static struct fixture f;
static struct remote r[40];

START_TEST(one_connection_for_each_peer)
{
    uint8_t bytes[68];
    struct addr a;
    int fd = listening(&a);

    fixture_begin(&f, 100);
    fixture_add(&f, N_PIECES);
    join_as(&f, &r[0], "-XX0000-abcdefghijkl", FAST);
    /* A second one in the same direction is closed. */
    handshake(&f, "-XX0000-abcdefghijkl", FAST, bytes);
    dial_from(&r[1], f.port, "127.0.0.1");
    remote_send(&r[1], bytes, 68);
    expect_over(&f, &r[1]);
    /* Another client behind the same address is another peer. */
    join_as(&f, &r[1], "-XX0000-ABCDEFGHIJKL", FAST);
    ck_assert_uint_eq(f.actors.n_joined_choker, 2);
    /* We dial a peer that dialled us. Its id is higher ("-X" > "-C"): the one that it dialled
     * stays. */
    peers_found(&f, &a);
    UNTIL(&f.actors, took(fd, &r[2]));
    read_handshake(&f, &r[2]);
    remote_send(&r[2], bytes, 68);
    UNTIL(&f.actors,
          f.actors.n_joined_choker == 3); /* for a while: the peer may close one itself */
    expect_over(&f, &r[2]);
    UNTIL(&f.actors, f.actors.n_joined_choker == 2);
    ck_assert(!remote_is_over(&r[0]));
    /* A peer whose id is lower: the one that we dialled stays. */
    join_as(&f, &r[3], "-AA0000-abcdefghijkl", FAST);
    UNTIL(&f.actors, f.actors.n_joined_choker == 3);
    close(fd);
    fd = listening(&a);
    peers_found(&f, &a);
    UNTIL(&f.actors, took(fd, &r[2]));
    read_handshake(&f, &r[2]);
    handshake(&f, "-AA0000-abcdefghijkl", FAST, bytes);
    remote_send(&r[2], bytes, 68);
    UNTIL(&f.actors, f.actors.n_joined_choker == 4);
    expect_over(&f, &r[3]);
    ck_assert(!remote_is_over(&r[2]));
    UNTIL(&f.actors, f.actors.n_joined_choker == 3);
    close(fd);
    fixture_end(&f);
}
END_TEST

/* An idle connection under the peer id of a seed does not keep the seed out. */
START_TEST(a_peer_id_is_claimed_for_one_host_only)
{
    uint8_t bytes[68];
    struct addr a;
    int fd = listening(&a);

    fixture_begin(&f, 100);
    fixture_add(&f, 0);
    handshake(&f, "-XX0000-abcdefghijkl", FAST, bytes);
    dial_from(&r[0], f.port, "127.0.0.9");
    remote_send(&r[0], bytes, 68);
    dial_from(&r[1], f.port, "127.0.0.8");
    remote_send(&r[1], bytes, 68);
    UNTIL(&f.actors, f.actors.n_joined_choker == 2);
    peers_found(&f, &a);
    UNTIL(&f.actors, took(fd, &r[2]));
    read_handshake(&f, &r[2]);
    remote_send(&r[2], bytes, 68);
    UNTIL(&f.actors, f.actors.n_joined_choker == 3);
    dial_from(&r[3], f.port, "127.0.0.9"); /* a second one of the same host */
    remote_send(&r[3], bytes, 68);
    expect_over(&f, &r[3]);
    ck_assert_uint_eq(f.actors.n_joined_choker, 3);
    close(fd);
    fixture_end(&f);
}
END_TEST

RUN_SUITE("Newcomer", 60, one_connection_for_each_peer, a_peer_id_is_claimed_for_one_host_only);
