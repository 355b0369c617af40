/* SPDX-License-Identifier: MIT */
#include "lobby_fixture.h"

static struct fixture f;
static struct remote r[40];

static const struct lobby_times eager_times = {
    .retry_ns = 50 * NS_PER_MS,
    .hold_ns = 300 * NS_PER_MS,
    .twins_ns = 200 * NS_PER_MS,
    .eviction = {.unwanted_ns = NS_PER_S, .bored_ns = 4 * NS_PER_S},
};

/* Comes into a full house: somebody else goes. */
static void come(struct remote *x, unsigned i, const char *from)
{
    uint8_t bytes[68];

    dial_from(x, f.port, from);
    handshake(&f, id_of(i), true, bytes);
    remote_send(x, bytes, 68);
    read_handshake(&f, x);
}

START_TEST(the_least_useful_goes)
{
    fixture_begin_with(&f, 4, &eager_times);
    f.world.unchoke = false;
    fixture_add(&f, N_PIECES);
    for (unsigned i = 0; i < 4; i++)
        join_as(&f, &r[i], id_of(i), true);
    remote_say(&r[0], 2, 0, 0, 0, 0); /* interested */
    /* Newcomers have some time to become of use. */
    dial_from(&r[4], f.port, "127.0.0.1");
    expect_over(&f, &r[4]);
    world_pause(&f.world, 1050 * NS_PER_MS);
    /* One for one, who has idled longest first. */
    for (unsigned i = 1; i < 4; i++) {
        come(&r[3 + i], 3 + i, "127.0.0.1");
        expect_over(&f, &r[i]);
        UNTIL(&f.world, f.world.n_joined_choker == 4);
        world_pause(&f.world, NS_PER_MS);
    }
    /* Who is interested stays. */
    dial_from(&r[7], f.port, "127.0.0.1");
    expect_over(&f, &r[7]);
    ck_assert(!remote_is_over(&r[0]));
    /* But not for ever without ever being served. */
    for (unsigned i = 4; i < 7; i++)
        remote_say(&r[i], 2, 0, 0, 0, 0);
    world_pause(&f.world, 4050 * NS_PER_MS);
    come(&r[7], 7, "127.0.0.1");
    expect_over(&f, &r[0]);
    fixture_end(&f);
}
END_TEST

START_TEST(who_never_gave_anything_goes_before_who_did)
{
    fixture_begin_with(&f, 2, &eager_times);
    fixture_add(&f, N_PIECES);
    join_as(&f, &r[0], id_of(0), true);
    remote_say(&r[0], 2, 0, 0, 0, 0);
    UNTIL(&f.world, remote_has_message(&r[0]));
    remote_drop(&r[0], 5);
    remote_say(&r[0], 6, 3, 0, 0, 100);
    UNTIL(&f.world, remote_has(&r[0], 113));
    remote_say(&r[0], 3, 0, 0, 0, 0); /* not interested any more */
    world_pause(&f.world, 20 * NS_PER_MS);
    join_as(&f, &r[1], id_of(1), true);
    world_pause(&f.world, 1100 * NS_PER_MS);
    come(&r[2], 2, "127.0.0.1");
    expect_over(&f, &r[1]);
    ck_assert(!remote_is_over(&r[0]));
    fixture_end(&f);
}
END_TEST

/* One host may have many connections as long as nobody else needs the places. */
START_TEST(of_a_crowd_one_goes_at_once)
{
    fixture_begin_with(&f, 30, &eager_times);
    fixture_add(&f, N_PIECES);
    for (unsigned i = 0; i < 30; i++)
        join_as(&f, &r[i], id_of(i), true);
    come(&r[30], 30, "127.0.0.9");
    expect_over(&f, &r[0]);
    UNTIL(&f.world, f.world.n_joined_choker == 30);
    /* The crowd itself may renew itself, at its own cost. */
    come(&r[31], 31, "127.0.0.1");
    expect_over(&f, &r[1]);
    ck_assert(!remote_is_over(&r[30]));
    fixture_end(&f);
}
END_TEST

RUN_SUITE("Room", 110, the_least_useful_goes, who_never_gave_anything_goes_before_who_did,
          of_a_crowd_one_goes_at_once);
