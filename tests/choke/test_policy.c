/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/base/clock.h"
#include "conjure/choke/policy.h"

/* The policy; the test learns which peers are unchoked from its changes alone. */
#define PEERS 128
static struct choke_policy policy;
static uint64_t now;
static bool unchoked[PEERS];
static uint32_t n_changes;

static void begin(uint64_t limit, uint32_t max_slots)
{
    now = 1000 * NS_PER_S;
    memset(unchoked, 0, sizeof unchoked);
    n_changes = 0;
    choke_policy_init(&policy, limit, max_slots, 42);
}

static void end(void)
{
    choke_policy_deinit(&policy);
    choke_policy_deinit(&policy);
}

static void take(void)
{
    struct choke_change c;

    while (choke_policy_next_change(&policy, &c)) {
        ck_assert_ptr_eq(c.user, &unchoked[c.peer]);
        ck_assert_int_ne(unchoked[c.peer], c.unchoke);
        unchoked[c.peer] = c.unchoke;
        n_changes++;
    }
}

static void join(uint32_t peer, uint32_t torrent, bool seeding)
{
    choke_policy_joined(&policy, peer, torrent, seeding, &unchoked[peer], now);
    take();
}

static void interest(uint32_t peer, bool interested)
{
    choke_policy_interest(&policy, peer, interested, false, now);
    take();
}

static void joins_interested(uint32_t first, uint32_t end_, uint32_t torrent, bool seeding)
{
    for (uint32_t p = first; p < end_; p++) {
        join(p, torrent, seeding);
        interest(p, true);
    }
}

static uint32_t count(uint32_t first, uint32_t end_)
{
    uint32_t n = 0;

    for (uint32_t p = first; p < end_; p++)
        n += unchoked[p];
    return n;
}

/* Ten seconds in which peer P sends us RATE[P] KiB/s and each unchoked peer gets 10 KiB/s; then a
 * round. */
static void ten_seconds(const uint32_t *rate, uint32_t n)
{
    for (int s = 0; s < 10; s++) {
        now += NS_PER_S;
        for (uint32_t p = 0; p < n; p++)
            choke_policy_moved(&policy, p, rate ? rate[p] * 1024 : 0, unchoked[p] ? 10240 : 0,
                               false, now);
    }
    choke_policy_round(&policy, now);
    take();
}

START_TEST(a_first_interested_peer_is_unchoked_at_once)
{
    begin(0, 3);
    joins_interested(0, 5, 1, false);
    ck_assert(unchoked[0] && unchoked[1] && unchoked[2] && !unchoked[3] && !unchoked[4]);
    interest(1, false); /* frees its slot; the round chokes it */
    ck_assert(unchoked[1] && unchoked[3] && !unchoked[4]);
    choke_policy_left(&policy, 0, now);
    take();
    unchoked[0] = false;
    ck_assert(unchoked[4]);
    ten_seconds(NULL, 5);
    ck_assert(!unchoked[1]);
    ck_assert_uint_eq(count(0, 5), 3);
    end();
}
END_TEST

START_TEST(slots_go_to_the_peers_that_send_most)
{
    uint32_t rate[20];

    begin(0, 8);
    joins_interested(0, 20, 1, false);
    for (uint32_t p = 0; p < 20; p++)
        rate[p] = 10 + p * 5;
    ten_seconds(rate, 20);
    ten_seconds(rate, 20);
    ck_assert_uint_eq(count(13, 20), 7);
    ck_assert_uint_eq(count(0, 13), 1); /* the optimistic slot */
    end();
}
END_TEST

START_TEST(equals_do_not_flap)
{
    uint32_t rate[20];

    begin(0, 8);
    joins_interested(0, 20, 1, false);
    for (uint32_t p = 0; p < 20; p++)
        rate[p] = 100;
    ten_seconds(rate, 20);
    n_changes = 0;
    for (int i = 0; i < 30; i++) {
        for (uint32_t p = 0; p < 20; p++)
            rate[p] = 100 + rng_below(&policy.rng, 6);
        ten_seconds(rate, 20);
    }
    ck_assert_uint_le(n_changes, 2 * 11); /* the optimistic slot changes every three rounds */
    ck_assert_uint_ge(n_changes, 8);
    end();
}
END_TEST

START_TEST(the_optimistic_slot_reaches_every_peer)
{
    uint32_t rate[12] = {100, 100, 100, 100, 100, 100, 100};
    bool tried[12] = {0};
    uint32_t n_tried = 0;

    begin(0, 8);
    joins_interested(0, 12, 1, false);
    for (int i = 0; i < 120; i++) {
        ten_seconds(rate, 12);
        ck_assert_uint_eq(count(0, 12), 8);
        for (uint32_t p = 0; p < 12; p++)
            tried[p] |= unchoked[p];
    }
    for (uint32_t p = 0; p < 12; p++)
        n_tried += tried[p];
    ck_assert_uint_eq(n_tried, 12);
    end();
}
END_TEST

START_TEST(a_new_peer_is_three_times_as_likely)
{
    uint32_t n_new = 0;

    for (uint64_t seed = 0; seed < 400; seed++) {
        begin(0, 2);
        rng_seed(&policy.rng, seed);
        joins_interested(0, 1, 1, false);
        choke_policy_moved(&policy, 0, 1 << 20, 0, false, now);
        joins_interested(1, 4, 1, false); /* 1 fills the second slot, 2 and 3 wait; all are old */
        now += 100 * NS_PER_S;
        choke_policy_moved(&policy, 0, 64 << 20, 0, false, now);
        joins_interested(4, 5, 1, false);
        choke_policy_round(&policy, now);
        take();
        ck_assert(unchoked[0]);
        ck_assert_uint_eq(count(0, 5), 2);
        n_new += unchoked[4];
        end();
    }
    ck_assert_uint_ge(n_new, 160); /* 3 chances of 6: 200 expected */
    ck_assert_uint_le(n_new, 240);
}
END_TEST

START_TEST(a_snubbing_peer_loses_its_regular_slot)
{
    uint32_t rate[12], n_unchoked = 0;

    begin(0, 4);
    joins_interested(0, 12, 1, false);
    for (uint32_t p = 0; p < 12; p++)
        rate[p] = p == 5 ? 1000 : 10;
    ten_seconds(rate, 12);
    ck_assert(unchoked[5]);
    for (int i = 0; i < 20; i++) {
        rate[5] = 0;
        ten_seconds(rate, 12);
        choke_policy_moved(&policy, 5, 0, 0, true, now);
        choke_policy_round(&policy, now);
        take();
        n_unchoked += unchoked[5];
        ck_assert(!unchoked[5] || choke_policy_peer(&policy, 5)->optimistic);
    }
    ck_assert_uint_le(n_unchoked, 12); /* in the optimistic slot, now and then */
    choke_policy_moved(&policy, 5, 64 << 20, 0, false, now);
    choke_policy_round(&policy, now);
    take();
    ck_assert(unchoked[5]);
    end();
}
END_TEST

START_TEST(seeding_serves_every_leecher_in_turn)
{
    uint32_t minutes[20] = {0}, least = UINT32_MAX, most = 0;

    begin(0, 4);
    joins_interested(0, 20, 1, true);
    for (int i = 0; i < 600; i++) {
        bool was[20];

        memcpy(was, unchoked, sizeof was);
        ten_seconds(NULL, 20);
        ck_assert_uint_eq(count(0, 20), 4);
        for (uint32_t p = 0; p < 20; p++) {
            minutes[p] += unchoked[p];
            if (was[p] && !unchoked[p])
                ck_assert_uint_ge(now - choke_policy_peer(&policy, p)->unchoked_ns,
                                  CHOKE_QUANTUM_NS);
        }
    }
    for (uint32_t p = 0; p < 20; p++) {
        least = minutes[p] < least ? minutes[p] : least;
        most = minutes[p] > most ? minutes[p] : most;
    }
    ck_assert_uint_gt(least * 10, most * 9);
    end();
}
END_TEST

START_TEST(a_free_slot_chokes_nobody)
{
    begin(0, 8);
    joins_interested(0, 8, 1, true);
    n_changes = 0;
    for (int i = 0; i < 100; i++)
        ten_seconds(NULL, 8);
    ck_assert_uint_eq(n_changes, 0);
    ck_assert_uint_eq(count(0, 8), 8);
    end();
}
END_TEST

START_TEST(torrents_share_the_slots)
{
    begin(0, 8);
    joins_interested(0, 60, 1, true);
    joins_interested(60, 63, 2, true);
    joins_interested(63, 65, 3, false);
    for (int i = 0; i < 12; i++)
        ten_seconds(NULL, 65);
    ck_assert_uint_eq(count(60, 65), 5);
    ck_assert_uint_eq(count(0, 60), 3);
    choke_policy_completed(&policy, 3);
    ck_assert(choke_policy_peer(&policy, 64)->seeding);
    end();
}
END_TEST

START_TEST(with_fewer_slots_than_torrents_they_take_turns)
{
    bool served[6] = {0};

    begin(0, 2);
    for (uint32_t p = 0; p < 6; p++)
        joins_interested(p, p + 1, p, false);
    for (int i = 0; i < 40; i++) {
        ten_seconds(NULL, 6);
        for (uint32_t p = 0; p < 6; p++)
            served[p] |= unchoked[p] && !choke_policy_peer(&policy, p)->optimistic;
    }
    for (uint32_t p = 0; p < 6; p++)
        ck_assert(served[p]);
    end();
}
END_TEST

START_TEST(slots_follow_the_capacity)
{
    static const struct {
        uint64_t limit;
        uint32_t max_slots, n_slots;
    } cases[] = {
        {10 << 10, 0, 4},  {42 << 10, 0, 5},
        {100 << 10, 0, 7}, {4 << 20, 0, 49},
        {0, 0, 8},         {0, 3, 3},
        {4 << 20, 2, 2},   {(uint64_t)10 << 30, 0, CHOKE_SLOTS_MAX},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(cases[i].limit, cases[i].max_slots);
        ck_assert_uint_eq(choke_policy_n_slots(&policy, now), cases[i].n_slots);
        end();
    }
}
END_TEST

START_TEST(slots_follow_a_changed_limit)
{
    begin(10 << 10, 0);
    joins_interested(0, 10, 1, true);
    ck_assert_uint_eq(count(0, 10), 4);
    choke_policy_set_limit(&policy, 100 << 10, now); /* at once, not with the round */
    take();
    ck_assert_uint_eq(count(0, 10), 7);
    choke_policy_set_limit(&policy, 10 << 10, now); /* the round takes slots away */
    take();
    ck_assert_uint_eq(count(0, 10), 7);
    for (int i = 0; i < 10; i++)
        ten_seconds(NULL, 10);
    ck_assert_uint_eq(count(0, 10), 4);
    end();
}
END_TEST

START_TEST(slots_grow_while_more_of_them_move_more)
{
    uint32_t few;

    begin(0, 0);
    joins_interested(0, PEERS, 1, true);
    ck_assert_uint_eq(count(0, PEERS), 8);
    for (int i = 0; i < 20; i++)
        ten_seconds(NULL, PEERS); /* 10 KiB/s each: every new slot adds to the rate */
    ck_assert_uint_ge(few = count(0, PEERS), 20);
    for (int i = 0; i < 20; i++) { /* a full uplink, which the slots share */
        for (int s = 0; s < 10; s++) {
            now += NS_PER_S;
            for (uint32_t p = 0; p < PEERS; p++)
                choke_policy_moved(&policy, p, 0, unchoked[p] ? (200 << 10) / count(0, PEERS) : 0,
                                   false, now);
        }
        choke_policy_round(&policy, now);
        take();
    }
    ck_assert_uint_le(count(0, PEERS), few + 3);
    end();
}
END_TEST

START_TEST(a_seed_is_never_unchoked)
{
    begin(0, 8);
    join(1, 1, false);
    choke_policy_interest(&policy, 1, true, true, now);
    choke_policy_round(&policy, now);
    take();
    ck_assert(!unchoked[1]);
    end();
}
END_TEST

RUN_SUITE("The choke policy", 20, a_first_interested_peer_is_unchoked_at_once,
          slots_go_to_the_peers_that_send_most, equals_do_not_flap,
          the_optimistic_slot_reaches_every_peer, a_new_peer_is_three_times_as_likely,
          a_snubbing_peer_loses_its_regular_slot, seeding_serves_every_leecher_in_turn,
          a_free_slot_chokes_nobody, torrents_share_the_slots,
          with_fewer_slots_than_torrents_they_take_turns, slots_follow_the_capacity,
          slots_follow_a_changed_limit, slots_grow_while_more_of_them_move_more,
          a_seed_is_never_unchoked);
