/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/swarm/candidates.h"

#define RETRY_NS   (5 * NS_PER_S)
#define QUOTA      1000u /* of trackers */
#define N_FAILURES 12u   /* after so many an address is given up */

static struct candidates c;
static unsigned n_of_all;
static uint64_t next;
static struct addr got;

enum privacy { PUBLIC, PRIVATE };

static void begin(enum privacy privacy)
{
    struct swarm swarm = {.is_private = privacy == PRIVATE};

    n_of_all = 0;
    candidates_init(&c, &swarm, RETRY_NS, &n_of_all);
}

/* The I-th address of the network 10.NET. */
static struct addr addr_of(uint8_t net, unsigned i)
{
    return (struct addr){
        .ip = {10, net, (uint8_t)(i >> 8), (uint8_t)i}, .port = 6881, .family = AF_INET};
}

static void add(enum peer_source source, uint8_t net, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct addr a = addr_of(net, i);

        candidates_add(&c, source, &a, 1);
    }
}

static bool includes(const struct addr *addr)
{
    for (unsigned i = 0; i < c.n; i++)
        if (addr_equal(&c.all[i].addr, addr))
            return true;
    return false;
}

START_TEST(addresses_are_dialled_in_turn)
{
    struct addr a[3] = {addr_of(1, 0), addr_of(1, 1), {.family = AF_INET}};

    begin(PUBLIC);
    ck_assert(!candidates_next(&c, 0, &got, &next));
    ck_assert_uint_eq(next, UINT64_MAX);
    candidates_add(&c, PEER_SOURCE_TRACKER, a, 3); /* the third cannot be dialled */
    candidates_add(&c, PEER_SOURCE_TRACKER, a, 1); /* and the first is known */
    ck_assert_uint_eq(c.n, 2);
    ck_assert(includes(&a[1]));
    ck_assert(!includes(&a[2]));
    ck_assert(candidates_next(&c, 0, &got, &next));
    ck_assert(addr_equal(&got, &a[0]));
    ck_assert(candidates_next(&c, 0, &got, &next));
    ck_assert(addr_equal(&got, &a[1]));
    ck_assert(!candidates_next(&c, 0, &got, &next)); /* both are busy */
    ck_assert_uint_eq(next, UINT64_MAX);
    candidates_deinit(&c);
    candidates_deinit(&c);
}
END_TEST

/* An attempt that ends at time 0, and the time of the next one. */
static const struct {
    unsigned n_failures; /* before it */
    enum candidate_outcome outcome;
    uint64_t retry_ns; /* UINT64_MAX: never */
} retries[] = {
    {0, CANDIDATE_USEFUL, RETRY_NS},
    {0, CANDIDATE_NEUTRAL, RETRY_NS},
    {0, CANDIDATE_FAILED, RETRY_NS << 1},
    {0, CANDIDATE_USELESS, RETRY_NS << 8},
    {0, CANDIDATE_NEVER, UINT64_MAX},
    {3, CANDIDATE_USEFUL, RETRY_NS},
    {3, CANDIDATE_NEUTRAL, RETRY_NS << 3},
    {3, CANDIDATE_FAILED, RETRY_NS << 4},
    {7, CANDIDATE_FAILED, RETRY_NS << 8},
    {9, CANDIDATE_FAILED, RETRY_NS << 8},
    {N_FAILURES - 2, CANDIDATE_FAILED, RETRY_NS << 8},
    {N_FAILURES - 1, CANDIDATE_FAILED, UINT64_MAX},
};

START_TEST(the_outcome_decides_when_to_retry)
{
    struct addr a = addr_of(1, 0);

    for (unsigned i = 0; i < N_ELEMENTS(retries); i++) {
        uint64_t at = retries[i].retry_ns, before = at == UINT64_MAX ? RETRY_NS << 20 : at - 1;

        begin(PUBLIC);
        candidates_add(&c, PEER_SOURCE_TRACKER, &a, 1);
        for (unsigned k = 0; k < retries[i].n_failures; k++)
            candidates_release(&c, &a, CANDIDATE_FAILED, 0);
        ck_assert_msg(candidates_release(&c, &a, retries[i].outcome, 0) == at, "case %u", i);
        ck_assert_msg(!candidates_next(&c, before, &got, &next), "case %u", i);
        ck_assert_msg(next == at, "case %u", i);
        if (at != UINT64_MAX)
            ck_assert_msg(candidates_next(&c, at, &got, &next), "case %u", i);
        candidates_deinit(&c);
    }
}
END_TEST

START_TEST(an_address_on_hold_is_not_dialled_before_its_time)
{
    struct addr a = addr_of(1, 0), b = addr_of(1, 1);

    begin(PUBLIC);
    candidates_add(&c, PEER_SOURCE_TRACKER, &a, 1);
    ck_assert(candidates_next(&c, 0, &got, &next));
    candidates_hold(&c, &b, 5); /* unknown */
    candidates_hold(&c, &a, 7);
    ck_assert(!candidates_next(&c, 6, &got, &next));
    ck_assert_uint_eq(next, 7);
    ck_assert(candidates_next(&c, 7, &got, &next));
    candidates_deinit(&c);
}
END_TEST

START_TEST(an_address_that_was_given_up_is_retried_when_named_again)
{
    struct addr a = addr_of(1, 0), ourselves = addr_of(1, 1);

    begin(PUBLIC);
    add(PEER_SOURCE_TRACKER, 1, 2);
    candidates_release(&c, &ourselves, CANDIDATE_NEVER, 0);
    for (unsigned i = 0; i < N_FAILURES; i++)
        candidates_release(&c, &a, CANDIDATE_FAILED, 0);
    ck_assert(!candidates_next(&c, RETRY_NS << 8, &got, &next));
    add(PEER_SOURCE_TRACKER, 1, 2);
    ck_assert(candidates_next(&c, RETRY_NS << 8, &got, &next));
    ck_assert(addr_equal(&got, &a));
    ck_assert(!candidates_next(&c, RETRY_NS << 8, &got, &next));
    candidates_deinit(&c);
}
END_TEST

/* One peer may have two addresses: we may dial one while it is connected by the other. */
START_TEST(all_addresses_of_a_peer_are_busy_while_it_is_connected)
{
    struct addr a = addr_of(1, 0), b = addr_of(1, 1), unknown = addr_of(1, 2);

    begin(PUBLIC);
    add(PEER_SOURCE_TRACKER, 1, 2);
    candidates_connected(&c, &a, 7);
    candidates_connected(&c, &b, 7);
    candidates_connected(&c, &unknown, 7);
    ck_assert(!candidates_next(&c, 0, &got, &next));
    ck_assert_uint_eq(candidates_peer_left(&c, 8, CANDIDATE_USEFUL, 0), UINT64_MAX);
    ck_assert_uint_eq(candidates_release(&c, &unknown, CANDIDATE_USEFUL, 0), UINT64_MAX);
    ck_assert_uint_eq(candidates_peer_left(&c, 7, CANDIDATE_USEFUL, 100), 100 + RETRY_NS);
    ck_assert(candidates_next(&c, 100 + RETRY_NS, &got, &next));
    ck_assert(candidates_next(&c, 100 + RETRY_NS, &got, &next));
    ck_assert_uint_eq(candidates_peer_left(&c, 7, CANDIDATE_USEFUL, 0), UINT64_MAX); /* dialling */
    candidates_deinit(&c);
}
END_TEST

/* A list of all ports of one host. */
START_TEST(a_host_has_a_quota)
{
    struct addr a = addr_of(1, 0), first, other = addr_of(1, 1);

    begin(PUBLIC);
    first = a;
    for (unsigned i = 0; i < 1000; i++, a.port++)
        candidates_add(&c, PEER_SOURCE_TRACKER, &a, 1);
    ck_assert_uint_eq(c.n, CANDIDATES_HOST_MAX);
    candidates_add(&c, PEER_SOURCE_TRACKER, &other, 1);
    ck_assert_uint_eq(c.n, CANDIDATES_HOST_MAX + 1);
    /* The host has a new port: an old one that failed gives way. */
    candidates_release(&c, &first, CANDIDATE_FAILED, 0);
    candidates_add(&c, PEER_SOURCE_TRACKER, &a, 1);
    ck_assert(includes(&a));
    ck_assert(!includes(&first));
    ck_assert_uint_eq(c.n, CANDIDATES_HOST_MAX + 1);
    candidates_deinit(&c);
}
END_TEST

START_TEST(the_sum_over_all_swarms_is_bounded)
{
    begin(PUBLIC);
    n_of_all = CANDIDATES_SUM_MAX - 1;
    add(PEER_SOURCE_TRACKER, 1, QUOTA);
    ck_assert_uint_eq(c.n, CANDIDATES_MIN);
    ck_assert_uint_eq(n_of_all, CANDIDATES_SUM_MAX - 1 + CANDIDATES_MIN);
    candidates_deinit(&c);
    candidates_deinit(&c);
    ck_assert_uint_eq(n_of_all, CANDIDATES_SUM_MAX - 1);
}
END_TEST

START_TEST(a_full_quota_replaces_addresses_that_failed_often)
{
    struct addr dead = addr_of(1, 17), fresh = addr_of(2, 0), more = addr_of(2, 1);

    begin(PUBLIC);
    add(PEER_SOURCE_TRACKER, 1, QUOTA);
    candidates_add(&c, PEER_SOURCE_TRACKER, &fresh, 1);
    ck_assert_uint_eq(c.n, QUOTA);
    ck_assert(!includes(&fresh));
    for (unsigned i = 0; i < 8; i++)
        candidates_release(&c, &dead, CANDIDATE_FAILED, 0);
    candidates_add(&c, PEER_SOURCE_TRACKER, &fresh, 1);
    candidates_add(&c, PEER_SOURCE_TRACKER, &more, 1);
    ck_assert_uint_eq(c.n, QUOTA);
    ck_assert(includes(&fresh));
    ck_assert(!includes(&dead));
    ck_assert(!includes(&more));
    candidates_deinit(&c);
}
END_TEST

enum flood_time { FLOOD_FIRST, FLOOD_LAST };

/* The addresses of OTHER all failed often: within one quota they would be replaced. */
static void flood(enum peer_source from, enum peer_source other, enum flood_time time)
{
    begin(PUBLIC);
    if (time == FLOOD_FIRST)
        add(from, 1, 5000);
    add(other, 2, 200);
    for (unsigned i = 0; i < 200; i++) {
        struct addr a = addr_of(2, i);

        for (unsigned k = 0; k < N_FAILURES; k++)
            candidates_release(&c, &a, CANDIDATE_FAILED, 0);
    }
    if (time == FLOOD_LAST)
        add(from, 1, 5000);
    ck_assert_uint_eq(c.n_from[other], 200);
    for (unsigned i = 0; i < 200; i++) {
        struct addr a = addr_of(2, i);

        ck_assert(includes(&a));
    }
    add(other, 3, 5000);
    ck_assert_uint_eq(c.n, CANDIDATES_MAX);
    candidates_deinit(&c);
}

START_TEST(a_flood_from_one_source_leaves_the_others_their_addresses)
{
    flood(PEER_SOURCE_TRACKER, PEER_SOURCE_INCOMING, FLOOD_FIRST);
    flood(PEER_SOURCE_TRACKER, PEER_SOURCE_INCOMING, FLOOD_LAST);
    flood(PEER_SOURCE_INCOMING, PEER_SOURCE_TRACKER, FLOOD_FIRST);
    flood(PEER_SOURCE_INCOMING, PEER_SOURCE_TRACKER, FLOOD_LAST);
}
END_TEST

START_TEST(a_private_swarm_takes_addresses_from_its_trackers_only)
{
    begin(PRIVATE);
    for (enum peer_source source = 0; source < N_PEER_SOURCES; source++)
        add(source, (uint8_t)source, 3);
    ck_assert_uint_eq(c.n, 3);
    while (candidates_next(&c, 0, &got, &next))
        ck_assert_uint_eq(got.ip[1], PEER_SOURCE_TRACKER);
    candidates_deinit(&c);
}
END_TEST

RUN_SUITE("Candidates", 20, a_host_has_a_quota, the_sum_over_all_swarms_is_bounded,
          an_address_on_hold_is_not_dialled_before_its_time, addresses_are_dialled_in_turn,
          the_outcome_decides_when_to_retry,
          an_address_that_was_given_up_is_retried_when_named_again,
          all_addresses_of_a_peer_are_busy_while_it_is_connected,
          a_full_quota_replaces_addresses_that_failed_often,
          a_flood_from_one_source_leaves_the_others_their_addresses,
          a_private_swarm_takes_addresses_from_its_trackers_only);
