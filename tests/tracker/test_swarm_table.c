/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/base/clock.h"
#include "conjure/tracker/swarm_table.h"

#define N_PEERS_SUM 2000

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
    struct swarm_table_limits limits = {n_swarms, n_peers, N_PEERS_SUM, 100};

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

START_TEST(a_full_swarm_replaces_a_random_peer)
{
    const struct tracked_swarm *s = NULL;

    open_table(3, 20);
    for (uint32_t i = 0; i < 100; i++)
        s = announce(2, i, ANNOUNCE_NONE, i % 2, 0);
    ck_assert_uint_eq(s->n_peers, 20);
    swarm_table_deinit(&table);
}
END_TEST

/* An announce of PORT of the I-th host for the swarm HASH. */
static int announce_port(uint32_t hash, uint32_t i, uint16_t port, uint64_t now)
{
    struct announce_request r = {.left = 1};
    const struct tracked_swarm *s;
    struct addr a = peer(i);
    struct rng rng;

    memcpy(r.self.info_hash.bytes, &hash, sizeof hash);
    a.port = port;
    rng_seed(&rng, now);
    return swarm_table_announce(&table, &r, &a, now, &rng, &s);
}

static const struct tracked_swarm *find(uint32_t hash)
{
    struct info_hash h = {{0}};

    memcpy(h.bytes, &hash, sizeof hash);
    return swarm_table_find(&table, &h);
}

/* One address announces a hundred thousand info-hashes; the torrents of others stay. */
START_TEST(a_host_that_fills_the_table_displaces_its_own)
{
    open_table(1000, 10);
    for (uint32_t i = 0; i < 500; i++)
        ck_assert_int_eq(announce_port(i, 2 + i / 100, 1000, 0), 0);
    for (uint32_t i = 0; i < 100000; i++)
        ck_assert_int_eq(announce_port(1000 + i, 1, 1000, i), 0);
    ck_assert_uint_eq(table.n_swarms, 1000);
    for (uint32_t i = 0; i < 500; i++)
        ck_assert_ptr_nonnull(find(i));
    /* A new torrent of another host replaces the oldest of the flood. */
    ck_assert_ptr_nonnull(find(100500));
    ck_assert_int_eq(announce_port(999, 99, 1000, 0), 0);
    ck_assert_ptr_nonnull(find(999));
    ck_assert_ptr_null(find(100500));
    swarm_table_deinit(&table);
}
END_TEST

/* One address announces all its ports for a swarm of others. */
START_TEST(a_host_has_few_peers_of_a_swarm)
{
    open_table(10, 1000);
    for (uint32_t i = 2; i < 102; i++)
        announce_port(1, i, 1000, 0);
    for (uint32_t port = 1; port < 65536; port++)
        ck_assert_int_eq(announce_port(1, 1, (uint16_t)port, port), 0);
    ck_assert_uint_eq(find(1)->n_peers, 100 + SWARM_HOST_MAX);
    swarm_table_deinit(&table);
}
END_TEST

START_TEST(the_sum_of_peers_is_bounded)
{
    open_table(1000, 1000);
    for (uint32_t i = 0; i < 10; i++)
        announce_port(1, 10 + i, 1000, 0);
    for (uint32_t i = 0; i < 1000; i++)
        for (uint16_t port = 1; port <= SWARM_HOST_MAX; port++)
            ck_assert_int_eq(announce_port(2 + i, 1, port, i), 0);
    ck_assert_uint_le(table.n_peers, N_PEERS_SUM);
    ck_assert_uint_ge(table.n_peers, N_PEERS_SUM - SWARM_HOST_MAX);
    ck_assert_uint_eq(find(1)->n_peers, 10);
    swarm_table_deinit(&table);
    ck_assert_uint_eq(table.n_peers, 0);
}
END_TEST

/* A client cannot choose info-hashes that meet in one bucket. */
START_TEST(chosen_hashes_do_not_collide)
{
    uint32_t n_longest = 0;

    open_table(5000, 10);
    for (uint32_t i = 0; i < 4096; i++) /* equal in all other bytes */
        announce_port(i, 1 + i, 1000, 0);
    for (uint32_t i = 0; i < SWARM_TABLE_SIZE; i++) {
        uint32_t n = 0;

        for (const struct tracked_swarm *s = table.buckets[i]; s; s = s->next)
            n++;
        n_longest = n > n_longest ? n : n_longest;
    }
    ck_assert_uint_lt(n_longest, 16);
    swarm_table_deinit(&table);
}
END_TEST

START_TEST(picks_may_be_of_one_family)
{
    struct announce_request r = {.self.info_hash = {{1}}, .left = 1};
    const struct tracked_peer *picked[SWARM_WANT_MAX];
    const struct tracked_swarm *s = NULL;
    struct addr a = peer(200);
    struct rng rng;
    uint32_t n;

    rng_seed(&rng, 1);
    open_table(3, 1000);
    for (uint32_t i = 0; i < 20; i++)
        announce(1, i, ANNOUNCE_NONE, 1, 0);
    for (uint8_t i = 0; i < 100; i++) {
        struct addr six = {.ip = {0x20, 1, [7] = i, [15] = 1}, .port = 1000, .family = AF_INET6};

        ck_assert_int_eq(swarm_table_announce(&table, &r, &six, 0, &rng, &s), 0);
    }
    n = tracked_swarm_pick(s, &a, SWARM_PICK_ALL, AF_INET, &rng, picked, 15);
    ck_assert_uint_eq(n, 15);
    for (uint32_t i = 0; i < n; i++)
        ck_assert_uint_eq(picked[i]->addr.family, AF_INET);
    ck_assert_uint_eq(tracked_swarm_pick(s, &a, SWARM_PICK_ALL, 0, &rng, picked, 200), 120);
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
        n = tracked_swarm_pick(s, &a, SWARM_PICK_ALL, 0, &rng, picked, 10);
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
    ck_assert_uint_eq(tracked_swarm_pick(s, &a, SWARM_PICK_ALL, 0, &rng, picked, 1000), 49);
    /* A seed gets leechers only. */
    a = peer(8);
    n = tracked_swarm_pick(s, &a, SWARM_PICK_LEECHERS, 0, &rng, picked, 1000);
    ck_assert_uint_eq(n, 25);
    ck_assert_uint_eq(tracked_swarm_pick(s, &a, SWARM_PICK_LEECHERS, 0, &rng, picked, 0), 0);
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

RUN_SUITE("swarm", 20, counts, the_index_finds_every_peer_after_many_changes,
          a_full_swarm_replaces_a_random_peer, a_host_that_fills_the_table_displaces_its_own,
          a_host_has_few_peers_of_a_swarm, the_sum_of_peers_is_bounded,
          chosen_hashes_do_not_collide, picks_may_be_of_one_family,
          picks_are_random_and_never_the_asker, silent_peers_expire);
