/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/alloc.h"
#include "conjure/swarm/dial_queue.h"

/*
 * A simulation: torrents with lists of addresses, of which all but one are dead. A dial of a dead
 * address fails after TIMEOUT ticks.
 */
#define TIMEOUT      10
#define N_TORRENTS   40
#define N_DIALS_LEFT 100000

struct sim_torrent {
    struct dial_turn turn;
    enum dial_class class;
    unsigned n_addrs; /* still to be dialled */
    unsigned n_dials; /* begun */
    uint8_t net;      /* of its addresses */
    bool one_host;    /* all its addresses have one host */
};

struct sim_dial {
    struct addr addr;
    unsigned ends_at;
};

static struct sim {
    struct dial_queue q;
    struct sim_torrent torrents[N_TORRENTS];
    unsigned n_torrents;
    struct sim_dial dials[DIALS_MAX];
    unsigned n_dials, now;
} sim;

static void sim_begin(void)
{
    sim = (struct sim){0};
    dial_queue_init(&sim.q);
}

static struct sim_torrent *sim_add(enum dial_class class, unsigned n_addrs)
{
    struct sim_torrent *t = &sim.torrents[sim.n_torrents];

    *t = (struct sim_torrent){.class = class, .n_addrs = n_addrs};
    t->net = (uint8_t)++sim.n_torrents;
    dial_turn_init(&t->turn);
    dial_queue_put(&sim.q, &t->turn, class);
    return t;
}

static struct addr next_addr(const struct sim_torrent *t)
{
    struct addr a = {.ip = {10, t->net, (uint8_t)(t->n_dials >> 8), (uint8_t)t->n_dials},
                     .port = (uint16_t)(1 + t->n_dials % 60000),
                     .family = AF_INET};

    if (t->one_host)
        a.ip[1] = a.ip[2] = a.ip[3] = 1;
    return a;
}

/* As many dials as may begin now. */
static void sim_dial(void)
{
    struct dial_turn *turn;

    while ((turn = dial_queue_take(&sim.q))) {
        struct sim_torrent *t = container_of(turn, struct sim_torrent, turn);
        struct addr a = next_addr(t);

        if (!t->n_addrs || !dial_queue_allows(&sim.q, &a))
            continue; /* until the next tick */
        t->n_addrs--;
        t->n_dials++;
        dial_queue_began(&sim.q, &a, t->class);
        ck_assert_uint_lt(sim.n_dials, DIALS_MAX);
        sim.dials[sim.n_dials++] = (struct sim_dial){a, sim.now + TIMEOUT};
        dial_queue_put(&sim.q, &t->turn, t->class);
    }
}

static void sim_tick(void)
{
    sim.now++;
    dial_queue_tick(&sim.q);
    for (unsigned i = 0; i < sim.n_dials;) {
        if (sim.dials[i].ends_at > sim.now) {
            i++;
            continue;
        }
        dial_queue_ended(&sim.q, &sim.dials[i].addr);
        sim.dials[i] = sim.dials[--sim.n_dials];
    }
    for (unsigned i = 0; i < sim.n_torrents; i++)
        if (sim.torrents[i].n_addrs)
            dial_queue_put(&sim.q, &sim.torrents[i].turn, sim.torrents[i].class);
    sim_dial();
}

/* It was 105 s when torrents were served in the order in which they came. */
START_TEST(dead_addresses_of_seeding_torrents_do_not_delay_a_download)
{
    struct sim_torrent *download;

    sim_begin();
    for (unsigned i = 0; i < 20; i++)
        sim_add(DIAL_SEED, 1000);
    sim_dial();
    ck_assert_uint_eq(sim.n_dials, DIALS_MAX / 2);
    download = sim_add(DIAL_DOWNLOAD_ALONE, 1);
    sim_dial();
    ck_assert_uint_eq(download->n_dials, 1);
}
END_TEST

START_TEST(downloads_with_peers_leave_places_to_those_without)
{
    struct sim_torrent *alone;

    sim_begin();
    for (unsigned i = 0; i < 20; i++)
        sim_add(DIAL_DOWNLOAD, 1000);
    sim_dial();
    ck_assert_uint_eq(sim.n_dials, DIALS_MAX * 3 / 4);
    sim_add(DIAL_SEED, 1000);
    sim_dial();
    ck_assert_uint_eq(sim.n_dials, DIALS_MAX * 3 / 4);
    alone = sim_add(DIAL_DOWNLOAD_ALONE, 3);
    sim_dial();
    ck_assert_uint_eq(alone->n_dials, 3);
}
END_TEST

START_TEST(a_turn_is_one_address)
{
    sim_begin();
    for (unsigned i = 0; i < 20; i++)
        sim_add(DIAL_DOWNLOAD_ALONE, 1000);
    sim_dial();
    ck_assert_uint_eq(sim.n_dials, DIALS_MAX);
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_uint_ge(sim.torrents[i].n_dials, DIALS_MAX / 20);
        ck_assert_uint_le(sim.torrents[i].n_dials, DIALS_MAX / 20 + 1);
    }
}
END_TEST

START_TEST(no_class_starves)
{
    struct sim_torrent *seed, *download;

    sim_begin();
    for (unsigned i = 0; i < 30; i++)
        sim_add(DIAL_DOWNLOAD_ALONE, N_DIALS_LEFT);
    sim_dial();
    seed = sim_add(DIAL_SEED, N_DIALS_LEFT);
    download = sim_add(DIAL_DOWNLOAD, N_DIALS_LEFT);
    for (unsigned i = 0; i < 10 * TIMEOUT; i++)
        sim_tick();
    ck_assert_uint_ge(seed->n_dials, 10);
    ck_assert_uint_ge(download->n_dials, 1);
}
END_TEST

/* Torrents whose trackers list ten thousand ports of one host. */
START_TEST(one_host_is_never_flooded)
{
    sim_begin();
    for (unsigned i = 0; i < 20; i++) {
        sim_add(DIAL_DOWNLOAD_ALONE, 10000)->one_host = true;
        sim.torrents[i].n_dials = 500 * i; /* other ports */
    }
    for (unsigned i = 0; i < 3; i++)
        sim_dial();
    ck_assert_uint_eq(sim.n_dials, DIALS_HOST_MAX);
    sim_tick();
    ck_assert_uint_eq(sim.n_dials, DIALS_HOST_MAX);
    sim_add(DIAL_SEED, 1);
    sim_dial();
    ck_assert_uint_eq(sim.n_dials, DIALS_HOST_MAX + 1); /* other hosts are dialled */
}
END_TEST

/* A host that refuses at once is not dialled again and again within a second. */
START_TEST(refused_dials_count_until_the_next_tick)
{
    struct addr a = {.ip = {10, 0, 0, 1}, .port = 1, .family = AF_INET};
    unsigned n = 0;

    sim_begin();
    for (; dial_queue_allows(&sim.q, &a); a.port++, n++) {
        dial_queue_began(&sim.q, &a, DIAL_SEED);
        dial_queue_ended(&sim.q, &a);
    }
    ck_assert_uint_eq(n, DIALS_HOST_MAX);
    dial_queue_tick(&sim.q);
    ck_assert(dial_queue_allows(&sim.q, &a));
    for (unsigned i = 0; i < DIALS_RECENT_MAX; i++) {
        struct addr other = {.ip = {10, 1, 0, (uint8_t)i}, .port = 1, .family = AF_INET};

        dial_queue_began(&sim.q, &other, DIAL_SEED);
        dial_queue_ended(&sim.q, &other);
    }
    sim_add(DIAL_SEED, 1);
    ck_assert_ptr_null(dial_queue_take(&sim.q));
    dial_queue_tick(&sim.q);
    ck_assert_ptr_nonnull(dial_queue_take(&sim.q));
}
END_TEST

START_TEST(a_torrent_waits_once_and_in_its_latest_class)
{
    struct sim_torrent *a, *b;

    sim_begin();
    a = sim_add(DIAL_SEED, 1);
    b = sim_add(DIAL_SEED, 1);
    dial_queue_put(&sim.q, &a->turn, DIAL_SEED); /* keeps its place */
    ck_assert_ptr_eq(dial_queue_take(&sim.q), &a->turn);
    dial_queue_put(&sim.q, &a->turn, DIAL_SEED);
    dial_queue_put(&sim.q, &a->turn, DIAL_DOWNLOAD);
    ck_assert_ptr_eq(dial_queue_take(&sim.q), &a->turn);
    dial_queue_remove(&b->turn);
    dial_queue_remove(&b->turn);
    ck_assert_ptr_null(dial_queue_take(&sim.q));
}
END_TEST

RUN_SUITE("Dial queue", 20, dead_addresses_of_seeding_torrents_do_not_delay_a_download,
          downloads_with_peers_leave_places_to_those_without, a_turn_is_one_address,
          no_class_starves, one_host_is_never_flooded, refused_dials_count_until_the_next_tick,
          a_torrent_waits_once_and_in_its_latest_class);
