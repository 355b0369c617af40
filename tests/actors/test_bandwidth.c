/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/actors/bandwidth.h"
#include "conjure/base/clock.h"
#include "conjure/msg/master.h"
#include "conjure/msg/peer.h"

#define WAIT_NS (UINT64_C(20) * NS_PER_S)

/* The test plays Timer, Master and the peers. */
struct played {
    struct waker waker;
    union {
        struct channel channel;
        struct timer_inbox timer;
        struct master_inbox master;
        struct peer_inbox peer;
    };
};
static struct played timer, master, peer;
static struct bandwidth *b;

static void play(struct played *x)
{
    waker_init_futex(&x->waker);
    channel_init(&x->channel, &x->waker);
}

/* A wait may end early for nothing: see channel_receive_wait. */
static struct msg *receive(struct played *x)
{
    uint64_t until = clock_now() + WAIT_NS, now;
    struct msg *m = NULL;

    while (!m && (now = clock_now()) < until)
        m = channel_receive_wait(&x->channel, until - now);
    return m;
}

static void *expect(struct played *x, uint16_t kind)
{
    struct msg *m = receive(x);

    ck_assert_msg(m, "%s does not come", msg_name(kind));
    ck_assert_msg(m->kind == kind, "%s comes instead of %s", msg_name(m->kind), msg_name(kind));
    return m;
}

static void limit(uint32_t torrent, bool upload, uint64_t bytes_per_s)
{
    struct bandwidth_set_limit *m = bandwidth_new_set_limit();

    m->torrent = torrent;
    m->upload = upload;
    m->bytes_per_s = bytes_per_s;
    ck_assert(bandwidth_tell_set_limit(bandwidth_inbox(b), m));
}

static void begin(uint64_t up, uint64_t down)
{
    play(&timer);
    play(&master);
    play(&peer);
    b = bandwidth_start(&timer.timer);
    ck_assert_ptr_nonnull(b);
    limit(BANDWIDTH_ALL, true, up);
    limit(BANDWIDTH_ALL, false, down);
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

static void ask(uint32_t id, bool upload, uint32_t n_bytes)
{
    struct bandwidth_want_quota *m = bandwidth_new_want_quota();

    m->peer = id;
    m->upload = upload;
    m->n_bytes = n_bytes;
    ck_assert(peer_ask_bandwidth_want_quota(&peer.peer, bandwidth_inbox(b), m));
}

static void expect_quota(uint32_t id, uint32_t n_granted)
{
    struct bandwidth_want_quota *m = expect(&peer, bandwidth_kind_want_quota);

    ck_assert_uint_eq(m->peer, id);
    ck_assert_uint_eq(m->n_granted, n_granted);
    msg_free(&m->msg);
}

START_TEST(without_a_limit_all_is_granted_and_timer_not_asked)
{
    begin(0, 1000);
    for (uint32_t i = 0; i < 100; i++)
        ask(i, true, 1 << 20);
    for (uint32_t i = 0; i < 100; i++)
        expect_quota(i, 1 << 20);
    ck_assert(channel_is_empty(&timer.channel));
    end();
}
END_TEST

START_TEST(quota_comes_when_timer_does)
{
    struct timer_after *after;

    begin(100000, 0);
    ask(1, true, 2048);
    ask(2, true, 2048);
    after = expect(&timer, timer_kind_after);
    ck_assert(after->delay_ns >= 5 * NS_PER_MS && after->delay_ns <= 25 * NS_PER_MS);
    ck_assert(channel_is_empty(&peer.channel));
    for (uint64_t until = clock_now() + after->delay_ns; clock_now() < until;)
        ;
    msg_reply(&after->msg);
    expect_quota(1, 2048);
    after = expect(&timer, timer_kind_after); /* one at a time, for the next */
    for (uint64_t until = clock_now() + after->delay_ns; clock_now() < until;)
        ;
    msg_reply(&after->msg);
    expect_quota(2, 2048);
    end();
    ck_assert(channel_is_empty(&timer.channel));
}
END_TEST

START_TEST(lifting_a_limit_serves_at_once)
{
    struct timer_after *after;

    begin(1, 1);
    ask(1, false, 5000000);
    after = expect(&timer, timer_kind_after);
    limit(BANDWIDTH_ALL, false, 0);
    expect_quota(1, 5000000);
    after->cancelled = true;
    msg_reply(&after->msg);
    end();
}
END_TEST

START_TEST(queries_of_a_peer_that_left_come_home)
{
    struct bandwidth_peer_left *left = bandwidth_new_peer_left();
    struct timer_after *after;

    begin(1, 1);
    ask(1, false, 4096);
    ask(2, false, 4096);
    after = expect(&timer, timer_kind_after);
    left->peer = 1;
    ck_assert(bandwidth_tell_peer_left(bandwidth_inbox(b), left));
    expect_quota(1, 0);
    ck_assert(channel_is_empty(&peer.channel));
    after->cancelled = true;
    msg_reply(&after->msg);
    expect_quota(2, 4096);
    end();
}
END_TEST

START_TEST(nobody_stays_parked_when_timer_ends)
{
    struct timer_after *after;

    begin(1, 1);
    ask(1, false, 4096);
    ask(2, true, 4096);
    after = expect(&timer, timer_kind_after);
    channel_close(&timer.channel);
    after->cancelled = true;
    msg_reply(&after->msg);
    for (int i = 0; i < 2; i++)
        msg_free(expect(&peer, bandwidth_kind_want_quota));
    ask(3, true, 4096); /* Timer refuses */
    expect_quota(3, 4096);
    end();
}
END_TEST

START_TEST(shutdown_waits_for_its_after)
{
    struct bandwidth_shutdown *m = bandwidth_new_shutdown();
    struct timer_after *after;

    begin(1, 1);
    ask(1, false, 4096);
    after = expect(&timer, timer_kind_after);
    ck_assert(master_ask_bandwidth_shutdown(&master.master, bandwidth_inbox(b), m));
    expect_quota(1, 4096); /* parked ones come home */
    ck_assert(channel_is_empty(&master.channel));
    after->cancelled = true;
    msg_reply(&after->msg);
    ck_assert_ptr_eq(expect(&master, bandwidth_kind_shutdown), m);
    msg_free(&m->msg);
    bandwidth_join(b);
}
END_TEST

RUN_SUITE("Bandwidth", 30, without_a_limit_all_is_granted_and_timer_not_asked,
          quota_comes_when_timer_does, lifting_a_limit_serves_at_once,
          nobody_stays_parked_when_timer_ends, shutdown_waits_for_its_after,
          queries_of_a_peer_that_left_come_home);
