/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/clock.h"
#include "conjure/choke/slots.h"

static struct choke_slots slots;
static uint64_t now;

static void begin(uint64_t limit)
{
    slots = (struct choke_slots){.limit = limit};
    now = 1000 * NS_PER_S;
}

/* N_ROUNDS in which each of N_PEERS with a slot reads PER_PEER bytes per second, and all of them
 * UPLINK at most. Returns the bytes per second of the last round. */
static uint64_t rounds(unsigned n_rounds, uint32_t n_peers, uint64_t per_peer, uint64_t uplink)
{
    uint64_t rate = 0;

    for (unsigned i = 0; i < n_rounds; i++) {
        uint32_t n = choke_slots_n(&slots) < n_peers ? choke_slots_n(&slots) : n_peers;

        rate = n * per_peer < uplink ? n * per_peer : uplink;
        choke_slots_moved(&slots, 10 * rate);
        choke_slots_round(&slots, n_peers, now += 10 * NS_PER_S);
    }
    return rate;
}

START_TEST(the_first_number_follows_the_limit)
{
    static const struct {
        uint64_t limit;
        uint32_t configured, n_slots;
    } cases[] = {
        {10 << 10, 0, 4},  {42 << 10, 0, 5},
        {100 << 10, 0, 7}, {4 << 20, 0, 49},
        {0, 0, 8},         {0, 3, 3},
        {4 << 20, 2, 2},   {(uint64_t)10 << 30, 0, CHOKE_SLOTS_MAX},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        slots = (struct choke_slots){.limit = cases[i].limit, .configured = cases[i].configured};
        ck_assert_uint_eq(choke_slots_n(&slots), cases[i].n_slots);
    }
}
END_TEST

/* With and without a limit, 500 leechers that read 50 KiB/s each fill 24 MiB/s. */
START_TEST(slow_leechers_fill_the_uplink)
{
    for (unsigned limited = 0; limited < 2; limited++) {
        begin(limited ? 24 << 20 : 0);
        rounds(20, 500, 50 << 10, 24 << 20);
        for (unsigned i = 0; i < 100; i++)
            ck_assert_uint_ge(rounds(1, 500, 50 << 10, 24 << 20), (24 << 20) / 100 * 95);
    }
}
END_TEST

START_TEST(a_full_uplink_gets_no_more_slots)
{
    uint64_t sum = 0;

    begin(0);
    rounds(5, 1000, 10 << 10, 200 << 10); /* full with twenty slots */
    for (unsigned i = 0; i < 100; i++) {
        rounds(1, 1000, 10 << 10, 200 << 10);
        ck_assert_uint_le(choke_slots_n(&slots), 60);
        sum += choke_slots_n(&slots);
    }
    ck_assert_uint_le(sum / 100, 35); /* a trial now and then */
    begin(1 << 20);
    rounds(100, 1000, 1 << 20, 1 << 20);
    ck_assert_uint_eq(choke_slots_n(&slots), 24);
}
END_TEST

START_TEST(a_falling_rate_takes_no_slots_away)
{
    uint32_t n;

    begin(0);
    rounds(10, 100, 100 << 10, 100 << 20);
    ck_assert_uint_ge(n = choke_slots_n(&slots), 100);
    rounds(50, 100, 1 << 10, 100 << 20);
    ck_assert_uint_ge(choke_slots_n(&slots), n);
    rounds(1, 20, 1 << 10, 100 << 20); /* the others have left */
    ck_assert_uint_eq(choke_slots_n(&slots), 20);
}
END_TEST

START_TEST(a_new_limit_begins_anew)
{
    begin(0);
    rounds(10, 100, 100 << 10, 100 << 20);
    choke_slots_set_limit(&slots, 100 << 10);
    ck_assert_uint_eq(choke_slots_n(&slots), 7);
    choke_slots_set_limit(&slots, 0);
    ck_assert_uint_eq(choke_slots_n(&slots), 8);
}
END_TEST

RUN_SUITE("The number of slots", 5, the_first_number_follows_the_limit,
          slow_leechers_fill_the_uplink, a_full_uplink_gets_no_more_slots,
          a_falling_rate_takes_no_slots_away, a_new_limit_begins_anew);
