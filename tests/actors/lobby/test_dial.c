/* SPDX-License-Identifier: MIT */
#include "lobby_fixture.h"

static struct fixture f;
static struct remote r[40];

START_TEST(an_address_is_dialled_and_retried)
{
    struct addr a;
    uint8_t bytes[68];
    int fd = listening(&a);

    fixture_begin(&f, 100);
    fixture_add(&f, 0);
    peers_found(&f, &a);
    peers_found(&f, &a);
    UNTIL(&f.actors, took(fd, &r[0]));
    read_handshake(&f, &r[0]);
    actors_pause(&f.actors, 20 * NS_PER_MS);
    ck_assert(!took(fd, &r[1])); /* one address, one connection */
    handshake(&f, "-XX0000-abcdefghijkl", FAST, bytes);
    for (unsigned i = 0; i < 68; i++) {
        remote_send(&r[0], bytes + i, 1);
        if (i % 10 == 0)
            actors_pause(&f.actors, NS_PER_MS);
    }
    UNTIL(&f.actors, f.actors.n_joined_choker == 1);
    UNTIL(&f.actors, remote_has_message(&r[0]));
    ck_assert_uint_eq(r[0].bytes[4], 15); /* have none */
    remote_send_message(&r[0], 14, 0, 0, 0, 0);
    UNTIL(&f.actors, f.actors.n_joined_interest == 1);
    ck_assert(f.actors.peers[0].has_all);
    /* A handshake for another torrent is refused; the address is retried later. */
    remote_close(&r[0]);
    UNTIL(&f.actors, f.actors.n_joined_choker == 0 && f.actors.n_joined_interest == 0);
    UNTIL(&f.actors, took(fd, &r[0]));
    bytes[40] ^= 1;
    remote_send(&r[0], bytes, 68);
    expect_over(&f, &r[0]);
    close(fd);
    fixture_end(&f);
}
END_TEST

START_TEST(a_connection_to_ourselves_is_closed)
{
    struct addr a = {.ip = {127, 0, 0, 1}, .family = AF_INET};

    fixture_begin(&f, 100);
    a.port = f.port;
    fixture_add(&f, N_PIECES);
    for (unsigned i = 0; i < 20; i++) {
        peers_found(&f, &a);
        actors_pause(&f.actors, 10 * NS_PER_MS);
    }
    ck_assert_uint_eq(f.actors.n_peers, 0);
    fixture_end(&f);
}
END_TEST

RUN_SUITE("Dial", 60, an_address_is_dialled_and_retried, a_connection_to_ourselves_is_closed);
