/* SPDX-License-Identifier: MIT */
#include "lobby_fixture.h"

static struct fixture f;
static struct remote r[40];

START_TEST(each_claim_is_returned_once)
{
    fixture_begin(&f, 100);
    fixture_add(&f, 0);
    f.actors.n_give = N_PIECES;
    for (unsigned i = 0; i < 2; i++) {
        join_as(&f, &r[i], i ? "-XX0000-bbbbbbbbbbbb" : "-XX0000-aaaaaaaaaaaa", FAST);
        remote_send_message(&r[i], 14, 0, 0, 0, 0);
        remote_send_message(&r[i], 1, 0, 0, 0, 0);
    }
    UNTIL(&f.actors, (answer_request(&f, &r[0]), answer_request(&f, &r[1]),
                      f.actors.n_give == 0 && f.actors.n_claims == 0));
    ck_assert_uint_ge(f.actors.stored_bytes, LENGTH / 2);
    UNTIL(&f.actors, f.actors.downloaded == f.actors.stored_bytes);
    /* NextPiece queries are parked: a piece that becomes free is fetched at once. */
    actors_pause(&f.actors, 30 * NS_PER_MS);
    ck_assert_uint_gt(f.actors.n_parked, 0);
    f.actors.n_give = 1;
    UNTIL(&f.actors, answer_request(&f, &r[0]) || answer_request(&f, &r[1]));
    UNTIL(&f.actors,
          (answer_request(&f, &r[0]), answer_request(&f, &r[1]), f.actors.n_claims == 0));
    /* One peer leaves in the middle of a block: the other one gets its claims. */
    f.actors.n_give = 40;
    UNTIL(&f.actors, (answer_request(&f, &r[0]), f.actors.n_give == 0));
    remote_close(&r[0]);
    UNTIL(&f.actors, (answer_request(&f, &r[1]), f.actors.n_claims == 0));
    fixture_end(&f);
}
END_TEST

START_TEST(the_lobby_ends_with_everything_in_flight)
{
    struct stub_actors *w = &f.actors;
    char id[21] = "-XX0000-aaaaaaaaaaaa";

    for (unsigned round = 0; round < 12; round++) {
        fixture_begin(&f, 100);
        fixture_add(&f, 32);
        w->n_give = 3000;
        for (unsigned i = 0; i < 10; i++) {
            id[19] = (char)('a' + i);
            join_as(&f, &r[i], id, i % 3 ? FAST : PLAIN);
            if (i % 2) {
                if (i % 3)
                    remote_send_message(&r[i], 14, 0, 0, 0, 0);
                else
                    remote_send_message(&r[i], 4, 1, i, 0, 0);
                remote_send_message(&r[i], 1, 0, 0, 0, 0);
            }
            remote_send_message(&r[i], 2, 0, 0, 0, 0);
        }
        for (unsigned n = 0; n < 20 * round; n++) {
            struct remote *x = &r[n % 10];

            answer_request(&f, x);
            if (n % 4 == 0)
                remote_send_message(x, 6, 3, n % 32, 0, 16384);
            actors_pump(w, 0);
        }
        fixture_end(&f);
        for (unsigned i = 0; i < 10; i++)
            remote_close(&r[i]);
    }
}
END_TEST

RUN_SUITE("Peers of the Lobby", 60, each_claim_is_returned_once,
          the_lobby_ends_with_everything_in_flight);
