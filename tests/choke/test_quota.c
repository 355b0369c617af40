/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/clock.h"
#include "conjure/choke/quota.h"

#define KIB UINT64_C(1024)
#define MIB (KIB << 10)

#define STEP_NS (5 * NS_PER_MS) /* between deals */
#define TICK_NS (NS_PER_MS / 2) /* a step of the test's clock */
#define PEERS   600

/* Peers that make a new request as soon as they have moved the granted bytes. */
struct mover {
    uint32_t torrent;
    uint32_t wanted;   /* each time */
    uint64_t pause_ns; /* from a grant to the next request */
    uint64_t asks_ns;  /* next request; UINT64_MAX: one waits */
    uint64_t moved;
};

struct world {
    struct quota quota;
    struct mover movers[PEERS];
    unsigned n;
    uint64_t now;
    uint64_t late_ns; /* delay of deals, as on a busy machine */
    uint64_t moved;
    uint64_t window[100 * NS_PER_MS / TICK_NS]; /* bytes of the last 100 ms */
    uint64_t in_window, most_in_window;
    unsigned at;
};
static struct world x;

static void begin(void)
{
    x = (struct world){.now = 77 * NS_PER_S};
    quota_init(&x.quota, STEP_NS);
}

static void add(uint32_t torrent, unsigned n, uint32_t wanted, uint64_t pause_ns)
{
    while (n--)
        x.movers[x.n++] = (struct mover){.torrent = torrent,
                                         .wanted = wanted,
                                         .pause_ns = pause_ns,
                                         .asks_ns = x.now + x.n * 7 * NS_PER_US};
}

static void take_grants(uint64_t *movedp)
{
    uint32_t n_granted;
    void *user;

    while (quota_next_grant(&x.quota, &user, &n_granted)) {
        struct mover *m = user;

        ck_assert_uint_ge(n_granted, 1);
        ck_assert_uint_le(n_granted, m->wanted);
        ck_assert_uint_eq(m->asks_ns, UINT64_MAX);
        m->moved += n_granted;
        m->asks_ns = x.now + m->pause_ns;
        *movedp += n_granted;
    }
}

static void run(uint64_t ns)
{
    for (uint64_t end = x.now + ns; x.now < end; x.now += TICK_NS) {
        uint64_t moved = 0;

        for (unsigned i = 0; i < x.n; i++) {
            struct mover *m = &x.movers[i];

            if (m->asks_ns > x.now)
                continue;
            m->asks_ns = UINT64_MAX;
            quota_request(&x.quota, m->torrent, i, m, m->wanted, x.now);
        }
        if (x.now >= x.quota.dealt_ns + x.late_ns)
            quota_deal(&x.quota, x.now);
        take_grants(&moved);
        x.moved += moved;
        x.in_window += moved - x.window[x.at];
        x.window[x.at] = moved;
        x.at = (x.at + 1) % (sizeof x.window / sizeof x.window[0]);
        if (x.in_window > x.most_in_window)
            x.most_in_window = x.in_window;
    }
}

static bool anyone(const void *user, const void *arg)
{
    return true;
}

static void end(void)
{
    void *user;

    while (quota_withdraw(&x.quota, anyone, NULL, &user))
        ck_assert_uint_eq(((struct mover *)user)->asks_ns, UINT64_MAX);
    ck_assert_uint_eq(quota_due_ns(&x.quota), UINT64_MAX);
    quota_deinit(&x.quota);
    quota_deinit(&x.quota);
}

static uint64_t moved_for(uint32_t torrent)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < x.n; i++)
        sum += x.movers[i].torrent == torrent ? x.movers[i].moved : 0;
    return sum;
}

/* Within three percent, or a chunk where that is more. */
static void check_near(uint64_t moved, double expected)
{
    double slack = expected * 0.03 > BUCKET_CHUNK ? expected * 0.03 : BUCKET_CHUNK;

    ck_assert_double_ge((double)moved, expected - slack);
    ck_assert_double_le((double)moved, expected + slack);
}

static const uint64_t rates[] = {KIB,     20 * KIB, 100 * KIB, MIB,
                                 4 * MIB, 33 * MIB, 100 * MIB, 1024 * MIB};

START_TEST(a_limit_holds_and_does_not_burst)
{
    static const unsigned n_movers[] = {1, 8, 50, PEERS};

    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        for (size_t k = 0; k < sizeof n_movers / sizeof n_movers[0]; k++) {
            double tenth = (double)rates[i] / 10;

            begin();
            quota_set_rate(&x.quota, rates[i], x.now);
            add(1, n_movers[k], 8 * MIB, NS_PER_MS / 4);
            run(10 * NS_PER_S);
            check_near(x.moved, (double)rates[i] * 10);
            ck_assert_double_le((double)x.most_in_window, tenth * 1.3 + 2 * BUCKET_CHUNK);
            run(10 * NS_PER_S);
            check_near(x.moved, (double)rates[i] * 20);
            end();
        }
    }
}
END_TEST

START_TEST(late_deals_lose_nothing)
{
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        begin();
        x.late_ns = 60 * NS_PER_MS;
        quota_set_rate(&x.quota, rates[i], x.now);
        quota_set_torrent_rate(&x.quota, 1, rates[i], x.now);
        add(1, 8, 64 * MIB, 2 * NS_PER_MS);
        run(10 * NS_PER_S);
        check_near(x.moved, (double)rates[i] * 10);
        ck_assert_double_le((double)x.most_in_window, (double)rates[i] / 10 * 2 + 2 * BUCKET_CHUNK);
        end();
    }
}
END_TEST

START_TEST(the_limit_of_a_torrent_is_its_own)
{
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        begin();
        quota_set_torrent_rate(&x.quota, 1, rates[i], x.now);
        quota_set_torrent_rate(&x.quota, 2, 2 * MIB, x.now);
        ck_assert(quota_is_limited(&x.quota, 1));
        ck_assert(!quota_is_limited(&x.quota, 3));
        add(1, 20, 8 * MIB, NS_PER_MS / 4);
        add(2, 3, 8 * MIB, NS_PER_MS / 4);
        run(10 * NS_PER_S);
        check_near(moved_for(1), (double)rates[i] * 10);
        check_near(moved_for(2), 20.0 * MIB);
        end();
    }
}
END_TEST

START_TEST(torrents_are_served_alike_and_so_are_their_peers)
{
    for (size_t i = 3; i < sizeof rates / sizeof rates[0]; i++) {
        begin();
        quota_set_rate(&x.quota, rates[i], x.now);
        add(1, 1, 8 * MIB, NS_PER_MS);
        add(2, 50, 8 * MIB, NS_PER_MS);
        run(20 * NS_PER_S);
        check_near(moved_for(1), (double)rates[i] * 10);
        check_near(moved_for(2), (double)rates[i] * 10);
        for (unsigned k = 1; k < x.n; k++)
            check_near(x.movers[k].moved, (double)rates[i] * 10 / 50);
        end();
    }
}
END_TEST

/* The limit is six blocks a second for a hundred torrents and three hundred peers. */
START_TEST(hundreds_share_less_than_a_block_for_each)
{
    begin();
    quota_set_rate(&x.quota, 100 * KIB, x.now);
    for (uint32_t i = 0; i < 100; i++)
        add(i, 1 + i % 5, BUCKET_CHUNK, NS_PER_MS);
    run(320 * NS_PER_S); /* 2,000 blocks, 20 for each torrent */
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_uint_ge(moved_for(i), 19 * BUCKET_CHUNK);
        ck_assert_uint_le(moved_for(i), 21 * BUCKET_CHUNK);
    }
    for (unsigned i = 0; i < x.n; i++)
        ck_assert_uint_ge(x.movers[i].moved, 3 * BUCKET_CHUNK);
    end();
}
END_TEST

START_TEST(other_torrents_share_an_unused_part)
{
    begin();
    quota_set_rate(&x.quota, 4 * MIB, x.now);
    quota_set_torrent_rate(&x.quota, 1, 100 * KIB, x.now);
    add(1, 10, 8 * MIB, NS_PER_MS / 4);                   /* held back by its own torrent */
    add(2, 1, BUCKET_CHUNK, 100 * NS_PER_MS - NS_PER_MS); /* slow: about ten blocks a second */
    add(3, 2, 8 * MIB, NS_PER_MS / 4);
    run(10 * NS_PER_S);
    check_near(moved_for(1), 1000.0 * KIB);
    ck_assert_uint_ge(moved_for(2), 85 * BUCKET_CHUNK);
    check_near(x.moved, 40.0 * MIB);
    check_near(x.movers[11].moved, (double)moved_for(3) / 2);
    end();
}
END_TEST

START_TEST(a_limit_that_does_not_bind_costs_no_time)
{
    uint32_t n;
    void *user;
    int id;

    begin();
    quota_set_rate(&x.quota, 100 * MIB, 0);
    quota_set_torrent_rate(&x.quota, 1, 50 * MIB, 0);
    for (unsigned i = 0; i < 1000; i++) {
        x.now += NS_PER_MS; /* less than a step */
        quota_request(&x.quota, 1, 7, &id, 32 * KIB, x.now);
        ck_assert(quota_next_grant(&x.quota, &user, &n));
        ck_assert_ptr_eq(user, &id);
        ck_assert_uint_eq(n, 32 * KIB);
        ck_assert(!quota_next_grant(&x.quota, &user, &n));
    }
    ck_assert_uint_eq(quota_due_ns(&x.quota), UINT64_MAX);
    end();
}
END_TEST

START_TEST(a_limit_changes_while_requests_wait)
{
    uint64_t before;

    begin();
    quota_set_rate(&x.quota, 4 * MIB, x.now);
    add(1, 5, 8 * MIB, NS_PER_MS / 4);
    add(2, 5, 8 * MIB, NS_PER_MS / 4);
    run(5 * NS_PER_S);
    check_near(x.moved, 20.0 * MIB);
    quota_set_rate(&x.quota, MIB, x.now);
    before = x.moved;
    run(10 * NS_PER_S);
    check_near(x.moved - before, 10.0 * MIB);
    quota_set_torrent_rate(&x.quota, 2, 256 * KIB, x.now);
    before = moved_for(2);
    run(10 * NS_PER_S);
    check_near(moved_for(2) - before, 2.5 * MIB);
    quota_set_rate(&x.quota, 0, x.now);
    ck_assert(!quota_is_limited(&x.quota, 1));
    ck_assert(quota_is_limited(&x.quota, 2));
    before = moved_for(2);
    run(10 * NS_PER_S);
    check_near(moved_for(2) - before, 2.5 * MIB);
    quota_set_torrent_rate(&x.quota, 2, 0, x.now);
    ck_assert(!quota_is_limited(&x.quota, 2));
    end();
}
END_TEST

START_TEST(returned_bytes_are_granted_again)
{
    struct mover *other = &x.movers[PEERS - 1];
    uint64_t taken = 0;

    begin();
    other->wanted = BUCKET_CHUNK;
    quota_set_rate(&x.quota, MIB, x.now);
    quota_set_torrent_rate(&x.quota, 1, 2 * MIB, x.now);
    add(1, 1, 8 * MIB, NS_PER_MS / 4);
    for (unsigned i = 0; i < 1000; i++) {
        if (other->asks_ns != UINT64_MAX)
            quota_request(&x.quota, 1, PEERS, other, BUCKET_CHUNK, x.now);
        other->asks_ns = UINT64_MAX;
        run(10 * NS_PER_MS);
        taken += other->moved;
        quota_give_back(&x.quota, 1, (uint32_t)other->moved, x.now);
        other->moved = 0;
    }
    ck_assert_uint_gt(taken, MIB);
    check_near(x.movers[0].moved, 10.0 * MIB);
    /* A bucket drops tokens above its bound. */
    quota_give_back(&x.quota, 1, 1 << 30, x.now);
    taken = x.movers[0].moved;
    run(NS_PER_S);
    ck_assert_uint_le(x.movers[0].moved - taken, MIB + MIB / 8);
    end();
}
END_TEST

static bool is_same(const void *user, const void *arg)
{
    return user == arg;
}

START_TEST(a_withdrawn_request_is_passed_over)
{
    char askers[7];
    uint32_t n;
    void *user;

    begin();
    quota_set_rate(&x.quota, 1000 * KIB, 0);
    for (unsigned left = 0; left < 7; left++) {
        uint64_t now = (left + 100) * NS_PER_S;

        quota_request(&x.quota, 0, 7, &askers[0], 100 * KIB, now); /* takes all tokens */
        quota_deal(&x.quota, now);
        while (quota_next_grant(&x.quota, &user, &n))
            ;
        for (unsigned i = 0; i < 7; i++)
            quota_request(&x.quota, i % 3, i, &askers[i], BUCKET_CHUNK, now);
        ck_assert(quota_withdraw(&x.quota, is_same, &askers[left], &user));
        ck_assert_ptr_eq(user, &askers[left]);
        ck_assert(!quota_withdraw(&x.quota, is_same, &askers[left], &user));
        for (unsigned n_granted = 0; n_granted < 6; n_granted++) {
            while (!quota_next_grant(&x.quota, &user, &n)) {
                ck_assert_uint_lt(quota_due_ns(&x.quota), UINT64_MAX);
                quota_deal(&x.quota, quota_due_ns(&x.quota));
            }
            ck_assert_ptr_ne(user, &askers[left]);
            ck_assert_uint_eq(n, BUCKET_CHUNK);
        }
        ck_assert(!quota_next_grant(&x.quota, &user, &n));
        ck_assert_uint_eq(quota_due_ns(&x.quota), UINT64_MAX);
    }
    end();
}
END_TEST

/* A small request does not starve the large one before it, and the due time is not earlier than
 * needed. */
START_TEST(the_first_request_is_not_starved_by_smaller_ones)
{
    char big, small;
    uint32_t n;
    void *user;

    begin();
    quota_set_rate(&x.quota, KIB, x.now);
    quota_request(&x.quota, 1, 1, &big, BUCKET_CHUNK, x.now);
    quota_request(&x.quota, 2, 2, &small, 1, x.now);
    quota_deal(&x.quota, x.now + NS_PER_S);
    ck_assert(!quota_next_grant(&x.quota, &user, &n));
    ck_assert_uint_ge(quota_due_ns(&x.quota), x.now + 16 * NS_PER_S);
    ck_assert_uint_le(quota_due_ns(&x.quota), x.now + 16 * NS_PER_S + NS_PER_MS);
    quota_deal(&x.quota, x.now + 17 * NS_PER_S);
    ck_assert(quota_next_grant(&x.quota, &user, &n));
    ck_assert_ptr_eq(user, &big);
    ck_assert(quota_next_grant(&x.quota, &user, &n));
    ck_assert_ptr_eq(user, &small);
    end();
}
END_TEST

/* Pieces from one block on: what a connection asks for at a time. */
START_TEST(a_limit_holds_at_every_size_of_request)
{
    for (uint32_t size = 16 << 10; size <= 8 << 20; size *= 8) {
        for (unsigned n = 1; n <= 3; n += 2) {
            begin();
            quota_set_rate(&x.quota, 5 * MIB, x.now);
            add(1, n, size, NS_PER_MS);
            run(NS_PER_S);
            x.moved = 0;
            run(4 * NS_PER_S);
            ck_assert_uint_ge(x.moved, 4 * 5 * MIB / 100 * 97);
            ck_assert_uint_le(x.moved, 4 * 5 * MIB / 100 * 103);
            quota_deinit(&x.quota);
        }
    }
}
END_TEST

RUN_SUITE("Quotas", 60, a_limit_holds_at_every_size_of_request, a_limit_holds_and_does_not_burst,
          late_deals_lose_nothing, the_limit_of_a_torrent_is_its_own,
          torrents_are_served_alike_and_so_are_their_peers,
          hundreds_share_less_than_a_block_for_each, other_torrents_share_an_unused_part,
          a_limit_that_does_not_bind_costs_no_time, a_limit_changes_while_requests_wait,
          returned_bytes_are_granted_again, a_withdrawn_request_is_passed_over,
          the_first_request_is_not_starved_by_smaller_ones);
