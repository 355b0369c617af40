/* SPDX-License-Identifier: MIT */
#include "stub_inbox.h"

#include "conjure/actors/bandwidth.h"

static struct stub_inbox master, peer;
static struct bandwidth *b;

static void limit(uint32_t torrent, enum direction direction, uint64_t bytes_per_s)
{
    struct bandwidth_set_limit *m = bandwidth_new_set_limit();

    m->torrent = torrent;
    m->direction = direction;
    m->bytes_per_s = bytes_per_s;
    ck_assert(bandwidth_tell_set_limit(bandwidth_inbox(b), m));
}

static void begin(void)
{
    stub_inbox_init(&master);
    stub_inbox_init(&peer);
    b = bandwidth_start();
    ck_assert_ptr_nonnull(b);
}

static void end(void)
{
    struct bandwidth_shutdown *m = bandwidth_new_shutdown();

    ck_assert(master_ask_bandwidth_shutdown(&master.master, bandwidth_inbox(b), m));
    ck_assert_ptr_eq(expect(&master, bandwidth_kind_shutdown), m);
    ck_assert(channel_is_closed(&bandwidth_inbox(b)->channel));
    msg_free(&m->msg);
    bandwidth_join(b);
}

static void exempt_lan(bool exempt)
{
    struct bandwidth_exempt_lan *m = bandwidth_new_exempt_lan();

    m->exempt = exempt;
    ck_assert(bandwidth_tell_exempt_lan(bandwidth_inbox(b), m));
}

/* The torrent of peer 12 is 1. */
enum network {
    INTERNET,
    LAN,
};

static void ask_from(uint32_t id, enum network network, enum direction direction, uint32_t n_bytes)
{
    struct bandwidth_want_quota *m = bandwidth_new_want_quota();

    m->peer = id;
    m->torrent = id / 10;
    m->lan = network == LAN;
    m->direction = direction;
    m->n_bytes = n_bytes;
    ck_assert(peer_ask_bandwidth_want_quota(&peer.peer, bandwidth_inbox(b), m));
}

static void ask(uint32_t id, enum direction direction, uint32_t n_bytes)
{
    ask_from(id, INTERNET, direction, n_bytes);
}

static void expect_quota(uint32_t id, uint32_t n_granted)
{
    struct bandwidth_want_quota *m = expect(&peer, bandwidth_kind_want_quota);

    ck_assert_uint_eq(m->peer, id);
    ck_assert_uint_eq(m->n_granted, n_granted);
    ck_assert_uint_eq(m->free_until_ns, 0);
    msg_free(&m->msg);
}

static void expect_free(uint32_t id)
{
    struct bandwidth_want_quota *m = expect(&peer, bandwidth_kind_want_quota);
    uint64_t now = clock_now();

    ck_assert_uint_eq(m->peer, id);
    ck_assert_uint_eq(m->n_granted, 0);
    ck_assert(m->free_until_ns <= now + NS_PER_S && m->free_until_ns + 20 * NS_PER_S > now);
    msg_free(&m->msg);
}

/* All messages before have been handled, and nothing was answered. */
static void expect_nothing(void)
{
    ask(990, DIRECTION_UP, 1); /* a torrent without a limit */
    expect_free(990);
    ck_assert(channel_is_empty(&peer.channel));
}

START_TEST(without_a_limit_any_number_is_granted)
{
    begin();
    limit(BANDWIDTH_ALL, DIRECTION_DOWN, 1000);
    for (uint32_t i = 0; i < 100; i++)
        ask(i, DIRECTION_UP, 1 << 20);
    for (uint32_t i = 0; i < 100; i++)
        expect_free(i);
    end();
}
END_TEST

/* Never more than the limit, and without a further message; a busy machine may give less. */
START_TEST(quota_comes_with_time)
{
    uint64_t began, ns, sum = 0;

    begin();
    limit(BANDWIDTH_ALL, DIRECTION_UP, 1 << 20);
    began = clock_now();
    for (uint32_t i = 0; i < 4; i++)
        ask(i, DIRECTION_UP, 1 << 20);
    while ((ns = clock_now() - began) < NS_PER_S / 2) {
        struct bandwidth_want_quota *m = expect(&peer, bandwidth_kind_want_quota);

        sum += m->n_granted;
        ck_assert_uint_gt(m->n_granted, 0);
        ck_assert_double_le((double)sum,
                            (double)(clock_now() - began) / NS_PER_S * (1 << 20) + 16384);
        ck_assert(peer_ask_bandwidth_want_quota(&peer.peer, bandwidth_inbox(b), m));
        m->n_granted = 0;
    }
    ck_assert_uint_gt(sum, 65536);
    end();
    for (uint32_t i = 0; i < 4; i++)
        msg_free(expect(&peer, bandwidth_kind_want_quota));
}
END_TEST

START_TEST(a_torrent_has_a_limit_of_its_own)
{
    begin();
    limit(1, DIRECTION_UP, 1);
    ask(10, DIRECTION_UP, 4096);
    ask(20, DIRECTION_UP, 4096);
    expect_free(20);
    ask(11, DIRECTION_DOWN, 4096); /* the other direction */
    expect_free(11);
    expect_nothing();
    limit(2, DIRECTION_UP, 0);
    expect_nothing();
    limit(1, DIRECTION_UP, 0);
    expect_free(10);
    end();
}
END_TEST

START_TEST(lifting_a_limit_frees_at_once)
{
    begin();
    limit(BANDWIDTH_ALL, DIRECTION_DOWN, 1);
    limit(1, DIRECTION_DOWN, 1);
    ask(10, DIRECTION_DOWN, 5000000);
    ask(20, DIRECTION_DOWN, 5000000);
    expect_nothing();
    limit(BANDWIDTH_ALL, DIRECTION_DOWN, 0);
    expect_free(20); /* the other has a limit of its own */
    expect_nothing();
    limit(1, DIRECTION_DOWN, 0);
    expect_free(10);
    end();
}
END_TEST

START_TEST(the_lan_can_be_exempt)
{
    begin();
    limit(1, DIRECTION_UP, 1);
    ask_from(10, LAN, DIRECTION_UP, 4096);
    ask_from(11, INTERNET, DIRECTION_UP, 4096);
    expect_nothing();
    exempt_lan(true);
    expect_free(10);
    ask_from(12, LAN, DIRECTION_UP, 4096);
    expect_free(12);
    expect_nothing();
    exempt_lan(false);
    ask_from(12, LAN, DIRECTION_UP, 4096);
    expect_nothing();
    limit(1, DIRECTION_UP, 0);
    expect_free(11);
    expect_free(12);
    end();
}
END_TEST

START_TEST(returned_bytes_are_granted_again)
{
    struct bandwidth_return_quota *m = bandwidth_new_return_quota();

    begin();
    limit(1, DIRECTION_DOWN, 1);
    ask(10, DIRECTION_DOWN, 16384);
    expect_nothing();
    m->torrent = 1;
    m->n_bytes = 1 << 20;
    ck_assert(bandwidth_tell_return_quota(bandwidth_inbox(b), m));
    expect_quota(10, 16384);
    ask(11, DIRECTION_DOWN, 16384); /* a bucket keeps no more than that */
    expect_nothing();
    limit(1, DIRECTION_DOWN, 0);
    expect_free(11);
    end();
}
END_TEST

START_TEST(queries_of_a_peer_that_left_are_answered)
{
    struct bandwidth_peer_left *left = bandwidth_new_peer_left();

    begin();
    limit(1, DIRECTION_DOWN, 1);
    limit(1, DIRECTION_UP, 1);
    ask(10, DIRECTION_DOWN, 4096);
    ask(11, DIRECTION_DOWN, 4096);
    ask(10, DIRECTION_UP, 4096);
    left->peer = 10;
    ck_assert(bandwidth_tell_peer_left(bandwidth_inbox(b), left));
    expect_quota(10, 0);
    expect_quota(10, 0);
    expect_nothing();
    limit(1, DIRECTION_DOWN, 0);
    expect_free(11);
    end();
}
END_TEST

START_TEST(shutdown_answers_all_waiting_queries)
{
    begin();
    limit(BANDWIDTH_ALL, DIRECTION_UP, 1);
    ask(10, DIRECTION_UP, 4096);
    ask(20, DIRECTION_UP, 4096);
    end();
    expect_free(10);
    expect_free(20);
}
END_TEST

RUN_SUITE("Bandwidth", 30, without_a_limit_any_number_is_granted, quota_comes_with_time,
          a_torrent_has_a_limit_of_its_own, lifting_a_limit_frees_at_once, the_lan_can_be_exempt,
          returned_bytes_are_granted_again, queries_of_a_peer_that_left_are_answered,
          shutdown_answers_all_waiting_queries);
