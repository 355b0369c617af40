/* SPDX-License-Identifier: MIT */
#include "lobby_fixture.h"

static struct fixture f;
static struct remote r[40];

/* Connects although all places are taken: another peer is evicted. */
static void replace(struct remote *x, unsigned i, const char *from)
{
    uint8_t bytes[68];

    dial_from(x, f.port, from);
    handshake(&f, id_of(i), FAST, bytes);
    remote_send(x, bytes, 68);
    read_handshake(&f, x);
}

START_TEST(the_least_useful_is_evicted)
{
    fixture_begin_with(&f, 4, &short_eviction);
    f.actors.unchoke = false;
    fixture_add(&f, N_PIECES);
    for (unsigned i = 0; i < 4; i++)
        join_as(&f, &r[i], id_of(i), FAST);
    remote_send_message(&r[0], 2, 0, 0, 0, 0); /* interested */
    /* A new peer is not evicted for some time. */
    dial_from(&r[4], f.port, "127.0.0.1");
    expect_over(&f, &r[4]);
    actors_pause(&f.actors, 1050 * NS_PER_MS);
    /* One for one, the one that has been idle longest first. */
    for (unsigned i = 1; i < 4; i++) {
        replace(&r[3 + i], 3 + i, "127.0.0.1");
        expect_over(&f, &r[i]);
        UNTIL(&f.actors, f.actors.n_joined_choker == 4);
        actors_pause(&f.actors, NS_PER_MS);
    }
    /* An interested peer stays, */
    dial_from(&r[7], f.port, "127.0.0.1");
    expect_over(&f, &r[7]);
    ck_assert(!remote_is_over(&r[0]));
    /* but not for ever without being served. */
    for (unsigned i = 4; i < 7; i++)
        remote_send_message(&r[i], 2, 0, 0, 0, 0);
    actors_pause(&f.actors, 4050 * NS_PER_MS);
    replace(&r[7], 7, "127.0.0.1");
    expect_over(&f, &r[0]);
    fixture_end(&f);
}
END_TEST

START_TEST(a_peer_that_moved_nothing_is_evicted_first)
{
    fixture_begin_with(&f, 2, &short_eviction);
    fixture_add(&f, N_PIECES);
    join_as(&f, &r[0], id_of(0), FAST);
    remote_send_message(&r[0], 2, 0, 0, 0, 0);
    UNTIL(&f.actors, remote_has_message(&r[0]));
    remote_drop(&r[0], 5);
    remote_send_message(&r[0], 6, 3, 0, 0, 100);
    UNTIL(&f.actors, remote_has(&r[0], 113));
    remote_send_message(&r[0], 3, 0, 0, 0, 0); /* not interested any more */
    actors_pause(&f.actors, 20 * NS_PER_MS);
    join_as(&f, &r[1], id_of(1), FAST);
    actors_pause(&f.actors, 1100 * NS_PER_MS);
    replace(&r[2], 2, "127.0.0.1");
    expect_over(&f, &r[1]);
    ck_assert(!remote_is_over(&r[0]));
    fixture_end(&f);
}
END_TEST

/* One host may have many connections until others need the places. */
START_TEST(a_crowded_host_makes_room_at_once)
{
    fixture_begin_with(&f, 30, &short_eviction);
    fixture_add(&f, N_PIECES);
    for (unsigned i = 0; i < 30; i++)
        join_as(&f, &r[i], id_of(i), FAST);
    replace(&r[30], 30, "127.0.0.9");
    expect_over(&f, &r[0]);
    UNTIL(&f.actors, f.actors.n_joined_choker == 30);
    /* A newcomer of the crowded host replaces another peer of it. */
    replace(&r[31], 31, "127.0.0.1");
    expect_over(&f, &r[1]);
    ck_assert(!remote_is_over(&r[30]));
    fixture_end(&f);
}
END_TEST

RUN_SUITE("Room", 110, the_least_useful_is_evicted, a_peer_that_moved_nothing_is_evicted_first,
          a_crowded_host_makes_room_at_once);
