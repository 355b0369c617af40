/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/base/clock.h"
#include "conjure/tracker/swarm_table.h"

static struct swarm_table table;

static struct addr peer(uint32_t i)
{
    return (struct addr){.ip = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i},
                         .port = 1000,
                         .family = AF_INET};
}

static const struct tracked_swarm *announce(uint8_t hash, uint32_t from, enum announce_event event,
                                            uint64_t left, uint64_t now)
{
    struct announce_request r = {.self.info_hash = {{hash}}, .event = event, .left = left};
    struct addr a = peer(from);
    const struct tracked_swarm *s;
    struct rng rng;

    rng_seed(&rng, now + from);
    ck_assert_int_eq(swarm_table_announce(&table, &r, &a, now, &rng, &s), 0);
    return s;
}

static void open_table(uint32_t n_swarms, uint32_t n_peers)
{
    struct swarm_table_limits limits = {n_swarms, n_peers, 100};

    swarm_table_init(&table, &limits);
}

START_TEST(counts)
{
    const struct tracked_swarm *s;

    open_table(10, 10);
    s = announce(1, 1, ANNOUNCE_STARTED, 5, 0);
    ck_assert_uint_eq(s->n_peers, 1);
    ck_assert_uint_eq(s->n_seeds, 0);
    announce(1, 1, ANNOUNCE_COMPLETED, 0, 0);
    announce(1, 1, ANNOUNCE_COMPLETED, 0, 0);
    ck_assert_uint_eq(s->n_seeds, 1);
    ck_assert_uint_eq(s->n_completed, 1);
    announce(1, 2, ANNOUNCE_STARTED, 0, 0);
    ck_assert_uint_eq(s->n_peers, 2);
    ck_assert_uint_eq(s->n_seeds, 2);
    announce(1, 2, ANNOUNCE_NONE, 7, 0);
    ck_assert_uint_eq(s->n_seeds, 1);
    ck_assert_ptr_eq(announce(1, 1, ANNOUNCE_STOPPED, 0, 0), s);
    ck_assert_uint_eq(s->n_peers, 1);
    ck_assert_uint_eq(s->n_seeds, 0);
    ck_assert_ptr_null(announce(1, 2, ANNOUNCE_STOPPED, 0, 0));
    ck_assert_ptr_null(announce(9, 2, ANNOUNCE_STOPPED, 0, 0));
    ck_assert_uint_eq(table.n_swarms, 0);
    swarm_table_deinit(&table);
    swarm_table_deinit(&table);
}
END_TEST

START_TEST(the_index_finds_every_peer_after_many_changes)
{
    bool in[500] = {false};
    struct rng rng;
    uint32_t n = 0;

    open_table(10, 1000);
    rng_seed(&rng, 3);
    for (int round = 0; round < 20000; round++) {
        uint32_t i = rng_below(&rng, 500);
        bool leaves = rng_below(&rng, 2);
        const struct tracked_swarm *s =
            announce(1, i, leaves ? ANNOUNCE_STOPPED : ANNOUNCE_NONE, i % 2, 0);

        n += (uint32_t)!leaves - (uint32_t)in[i];
        in[i] = !leaves;
        ck_assert_uint_eq(s ? s->n_peers : 0, n);
    }
    for (uint32_t i = 0; i < 500; i++)
        announce(1, i, ANNOUNCE_STOPPED, 0, 0);
    ck_assert_uint_eq(table.n_swarms, 0);
    swarm_table_deinit(&table);
}
END_TEST

START_TEST(limits)
{
    struct announce_request r = {.self.info_hash = {{77}}};
    const struct tracked_swarm *s = NULL;
    struct addr a = peer(1);
    struct rng rng;

    open_table(3, 20);
    for (uint8_t i = 0; i < 3; i++)
        announce(i, 1, ANNOUNCE_NONE, 1, 0);
    rng_seed(&rng, 1);
    ck_assert_int_eq(swarm_table_announce(&table, &r, &a, 0, &rng, &s), SWARM_TABLE_FULL);
    for (uint32_t i = 0; i < 100; i++)
        s = announce(2, i, ANNOUNCE_NONE, i % 2, 0);
    ck_assert_uint_eq(s->n_peers, 20);
    swarm_table_deinit(&table);
}
END_TEST

START_TEST(picks_are_random_and_never_the_asker)
{
    const struct tracked_peer *picked[SWARM_WANT_MAX];
    uint32_t n_seen[50] = {0}, n;
    const struct tracked_swarm *s = NULL;
    struct addr a = peer(7);
    struct rng rng;

    open_table(3, 100);
    for (uint32_t i = 0; i < 50; i++)
        s = announce(1, i, ANNOUNCE_NONE, i % 2, 0);
    rng_seed(&rng, 5);
    for (int round = 0; round < 1000; round++) {
        n = tracked_swarm_pick(s, &a, SWARM_PICK_ALL, &rng, picked, 10);
        ck_assert_uint_eq(n, 10);
        for (uint32_t i = 0; i < n; i++) {
            n_seen[picked[i]->addr.ip[3]]++;
            for (uint32_t k = 0; k < i; k++)
                ck_assert_ptr_ne(picked[i], picked[k]);
        }
    }
    for (uint32_t i = 0; i < 50; i++) {
        if (i == 7)
            ck_assert_uint_eq(n_seen[i], 0);
        else
            ck_assert_uint_gt(n_seen[i], 100); /* 204 expected */
    }
    ck_assert_uint_eq(tracked_swarm_pick(s, &a, SWARM_PICK_ALL, &rng, picked, 1000), 49);
    /* A seed gets leechers only. */
    a = peer(8);
    n = tracked_swarm_pick(s, &a, SWARM_PICK_LEECHERS, &rng, picked, 1000);
    ck_assert_uint_eq(n, 25);
    ck_assert_uint_eq(tracked_swarm_pick(s, &a, SWARM_PICK_LEECHERS, &rng, picked, 0), 0);
    swarm_table_deinit(&table);
}
END_TEST

START_TEST(silent_peers_expire)
{
    const struct tracked_swarm *s;

    open_table(10, 10);
    announce(1, 1, ANNOUNCE_NONE, 0, 0);
    announce(1, 2, ANNOUNCE_NONE, 0, 60);
    announce(2, 2, ANNOUNCE_NONE, 0, 0);
    for (int i = 0; i < 16; i++)
        swarm_table_sweep(&table, 100);
    ck_assert_uint_eq(table.n_swarms, 2);
    for (int i = 0; i < 16; i++)
        swarm_table_sweep(&table, 101);
    ck_assert_uint_eq(table.n_swarms, 1);
    s = swarm_table_find(&table, &(struct info_hash){{1}});
    ck_assert_uint_eq(s->n_peers, 1);
    ck_assert_uint_eq(s->n_seeds, 1);
    ck_assert_uint_eq(s->peers[0].addr.ip[3], 2);
    ck_assert_ptr_null(swarm_table_find(&table, &(struct info_hash){{2}}));
    swarm_table_deinit(&table);
}
END_TEST

RUN_SUITE("swarm", 20, counts, the_index_finds_every_peer_after_many_changes, limits,
          picks_are_random_and_never_the_asker, silent_peers_expire);
