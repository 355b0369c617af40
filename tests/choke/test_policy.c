/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/base/clock.h"
#include "conjure/choke/policy.h"

/* The policy; the test learns which peers are unchoked from its changes alone. */
#define PEERS 512
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

static void join_from(uint64_t host, uint32_t peer, uint32_t torrent, bool seeding)
{
    const struct choke_newcomer n = {.peer = peer,
                                     .torrent = torrent,
                                     .host = host,
                                     .seeding = seeding,
                                     .user = &unchoked[peer]};

    choke_policy_joined(&policy, &n, now);
    take();
}

static void join(uint32_t peer, uint32_t torrent, bool seeding)
{
    join_from(peer, peer, torrent, seeding);
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

enum standing {
    IN_FAVOUR,
    SNUBBED,
};

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

/* Being new is worth nothing, and neither are many connections. */
START_TEST(every_host_is_as_likely)
{
    uint32_t n_alone = 0;

    for (uint64_t seed = 0; seed < 400; seed++) {
        begin(0, 2);
        rng_seed(&policy.rng, seed);
        joins_interested(0, 2, 1, false);
        choke_policy_moved(&policy, 0, 1 << 20, 0, IN_FAVOUR, now);
        now += 100 * NS_PER_S;
        choke_policy_moved(&policy, 0, 64 << 20, 0, IN_FAVOUR, now);
        for (uint32_t p = 2; p < 10; p++) {
            join_from(999, p, 1, false);
            interest(p, true);
        }
        interest(1, true);
        choke_policy_round(&policy, now);
        take();
        ck_assert(unchoked[0]);
        ck_assert_uint_eq(count(0, 10), 2);
        n_alone += unchoked[1];
        end();
    }
    ck_assert_uint_ge(n_alone, 160); /* one of two hosts: 200 expected */
    ck_assert_uint_le(n_alone, 240);
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
        choke_policy_moved(&policy, 5, 0, 0, SNUBBED, now);
        choke_policy_round(&policy, now);
        take();
        n_unchoked += unchoked[5];
        ck_assert(!unchoked[5] || choke_policy_peer(&policy, 5)->optimistic);
    }
    ck_assert_uint_le(n_unchoked, 12); /* in the optimistic slot, now and then */
    choke_policy_moved(&policy, 5, 64 << 20, 0, IN_FAVOUR, now);
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

/* --- a crowd beside an honest leecher ------------------------------------------------------- */

#define HONEST   0u
#define CROWD    128u /* connections of one host: peers 1 to CROWD */
#define UPLINK   (10u << 20)
#define RUN_S    600u
#define SETTLE_S 20u

/* A second in which unchoked peer P of [0, N) reads READS[P] bytes at most, and all share the
 * uplink. Returns what the honest leecher got. */
static uint64_t second(const uint32_t *reads, uint32_t n)
{
    uint64_t left = UPLINK, honest = 0;
    uint32_t n_left = 0;
    bool done[PEERS] = {0};

    now += NS_PER_S;
    for (uint32_t p = 0; p < n; p++)
        n_left += unchoked[p];
    /* The slowest first: what one of them leaves is for the others. */
    while (n_left) {
        uint32_t slowest = n;
        uint64_t got;

        for (uint32_t p = 0; p < n; p++)
            if (unchoked[p] && !done[p] && (slowest == n || reads[p] < reads[slowest]))
                slowest = p;
        got = left / n_left-- < reads[slowest] ? left / (n_left + 1) : reads[slowest];
        left -= got;
        done[slowest] = true;
        honest += slowest == HONEST ? got : 0;
        choke_policy_moved(&policy, slowest, 0, got, IN_FAVOUR, now);
    }
    take();
    return honest;
}

static void reconnect(uint32_t peer, uint64_t host)
{
    choke_policy_left(&policy, peer, now);
    unchoked[peer] = false;
    take();
    join_from(host, peer, 1, true);
    interest(peer, true);
}

/* The share of the uplink that the honest leecher gets beside a crowd of one host. */
static double share_beside(uint32_t crowd_reads, unsigned reconnects_every_s, uint32_t max_slots)
{
    uint32_t reads[PEERS];
    uint64_t honest = 0;

    begin(0, max_slots);
    for (uint32_t p = 1; p <= CROWD; p++) {
        join_from(77, p, 1, true);
        interest(p, true);
    }
    join_from(1, HONEST, 1, true);
    interest(HONEST, true);
    for (uint32_t p = 0; p < PEERS; p++)
        reads[p] = p == HONEST ? UPLINK : crowd_reads;
    for (unsigned s = 0; s < RUN_S; s++) {
        uint64_t got = second(reads, 1 + CROWD);

        honest += s < SETTLE_S ? 0 : got;
        if (s % 10 == 9) {
            choke_policy_round(&policy, now);
            take();
        }
        for (uint32_t p = 1; reconnects_every_s && p <= CROWD; p++)
            if ((s + p) % reconnects_every_s == 0)
                reconnect(p, 77);
    }
    end();
    return (double)honest / (double)(RUN_S - SETTLE_S) / UPLINK;
}

START_TEST(a_crowd_of_slow_readers_does_not_displace_an_honest_leecher)
{
    for (uint32_t max_slots = 0; max_slots <= 4; max_slots += 4) {
        ck_assert_double_ge(share_beside(0, 0, max_slots), 0.9);
        ck_assert_double_ge(share_beside(1 << 10, 0, max_slots), 0.9);
        ck_assert_double_ge(share_beside(1 << 10, 7, max_slots), 0.9);
        ck_assert_double_ge(share_beside(1 << 10, 60, max_slots), 0.9);
    }
}
END_TEST

/* The same from as many hosts: a slow reader forfeits its slot. */
START_TEST(a_slow_reader_forfeits_its_minute)
{
    uint32_t reads[PEERS] = {0};
    uint32_t n_served = 0;

    begin(0, 4);
    joins_interested(1, 9, 1, true); /* eight that read nothing */
    now += NS_PER_S;
    joins_interested(9, 17, 1, true);
    for (uint32_t p = 9; p < 17; p++)
        reads[p] = UPLINK;
    for (unsigned s = 0; s < RUN_S; s++) {
        second(reads, 17);
        if (s % 10 == 9) {
            choke_policy_round(&policy, now);
            take();
            n_served += count(9, 17);
        }
    }
    /* A slow one keeps a slot for a round, another one for six. */
    ck_assert_uint_ge(n_served, RUN_S / 10 * 4 * 7 / 10);
    end();
}
END_TEST

START_TEST(five_hundred_slow_leechers_fill_the_uplink)
{
    uint32_t reads[PEERS];
    uint64_t sent = 0;

    begin(24 << 20, 0);
    joins_interested(0, 500, 1, true);
    for (uint32_t p = 0; p < PEERS; p++)
        reads[p] = 50 << 10;
    for (unsigned s = 0; s < RUN_S; s++) {
        uint64_t before = 0;

        now += NS_PER_S;
        for (uint32_t p = 0; p < 500; p++) {
            uint64_t room = (24u << 20) - before, got = unchoked[p] ? reads[p] : 0;

            got = got < room ? got : room;
            before += got;
            choke_policy_moved(&policy, p, 0, got, IN_FAVOUR, now);
        }
        sent += s >= 120 ? before : 0;
        if (s % 10 == 9) {
            choke_policy_round(&policy, now);
            take();
        }
    }
    ck_assert_uint_ge(sent / (RUN_S - 120), (24 << 20) / 100 * 95);
    end();
}
END_TEST

START_TEST(hosts_share_the_slots)
{
    begin(0, 4);
    for (uint32_t p = 0; p < 8; p++) {
        join_from(5, p, 1, true);
        interest(p, true);
    }
    ck_assert_uint_eq(count(0, 8), 4); /* nobody else wants them */
    joins_interested(8, 11, 2, true);
    for (int i = 0; i < 30; i++) {
        ten_seconds(NULL, 11);
        ck_assert_uint_eq(count(0, 8), 1);
        ck_assert_uint_eq(count(8, 11), 3);
    }
    joins_interested(11, 15, 1, true); /* eight hosts for four slots */
    for (int i = 0; i < 80; i++) {
        ten_seconds(NULL, 15);
        ck_assert_uint_le(count(0, 8), 1);
    }
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
          the_optimistic_slot_reaches_every_peer, every_host_is_as_likely,
          a_snubbing_peer_loses_its_regular_slot, seeding_serves_every_leecher_in_turn,
          a_free_slot_chokes_nobody, torrents_share_the_slots,
          with_fewer_slots_than_torrents_they_take_turns, slots_follow_a_changed_limit,
          hosts_share_the_slots, a_crowd_of_slow_readers_does_not_displace_an_honest_leecher,
          a_slow_reader_forfeits_its_minute, five_hundred_slow_leechers_fill_the_uplink,
          a_seed_is_never_unchoked);
