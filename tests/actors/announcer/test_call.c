/* SPDX-License-Identifier: MIT */
#include "../stub_inbox.h"
#include "one_torrent.h"

#include "actors/announcer/call.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

#define S NS_PER_S

/* A transport that counts the calls of its functions; the test ends its announces. */
static struct announcer_call *begun;
static unsigned n_begun, n_steps, n_deinit;

static void fake_begin(struct announcer_call *c, uint64_t now)
{
    begun = c;
    n_begun++;
}

static void fake_step(struct announcer_call *c, uint64_t now)
{
    n_steps++;
}

static void fake_deinit(struct announcer_call *c)
{
    n_deinit++;
}

static const struct announcer_transport_ops fake_ops = {
    .call_size = sizeof(struct announcer_call),
    .begin = fake_begin,
    .step = fake_step,
    .deinit = fake_deinit,
};
static struct announcer_transport fake = {&fake_ops};

static struct stub_inbox lobby, master;
static struct announcer_calls calls;
static struct announcer_torrent *torrent;
static unsigned n_lines[LOG_LEVEL_DEBUG + 1];

static void count(enum log_level level, const char *facility, const char *text)
{
    n_lines[level]++;
}

static void begin(void)
{
    const char *urls[] = {"http://a/", "udp://b:1"};

    log_set_sink(count);
    log_threshold = LOG_LEVEL_INFO;
    stub_inbox_init(&lobby);
    stub_inbox_init(&master);
    calls_init(&calls, &lobby.lobby, &master.master);
    calls.transports[TRACKER_TRANSPORT_HTTP] = calls.transports[TRACKER_TRANSPORT_UDP] = &fake;
    torrent = one_torrent(urls, 2);
}

static void end(void)
{
    ck_assert_uint_eq(calls.n_counted, 0);
    ck_assert(channel_is_empty(&master.channel) && channel_is_empty(&lobby.channel));
    list_remove(&torrent->in_queue);
    announcer_torrent_free(torrent);
    tracker_list_deinit(&list);
    calls_deinit(&calls);
}

static struct announcer_call *announce(uint64_t now)
{
    struct announce_request request;
    struct announce_tracker *tracker = announce_state_begin(&torrent->state, now, &request);

    ck_assert_ptr_nonnull(tracker);
    call_begin(&calls, torrent, tracker, &request, now);
    return begun;
}

/* Master receives the outcome OK with TEXT; the torrent is ready for its next announce. */
static void expect_outcome(bool ok, const char *text)
{
    struct master_tracker_says *m = expect(&master, master_kind_tracker_says);

    ck_assert_int_eq(m->ok, ok);
    ck_assert_str_eq(m->text, text);
    msg_free(&m->msg);
    ck_assert_ptr_eq(list_first(&calls.ready), &torrent->in_queue);
    list_remove(&torrent->in_queue);
}

START_TEST(a_reply_is_reported_to_all)
{
    struct announce_reply reply = {.n_addrs = 1, .interval_s = 900, .n_seeders = 2, .text = "old"};
    struct lobby_peers_found *m;

    begin();
    announce(0);
    ck_assert_uint_eq(calls.n_counted, 1);
    call_replied(begun, &reply, 10 * S);
    expect_outcome(true, "a: old");
    m = expect(&lobby, lobby_kind_peers_found);
    ck_assert_uint_eq(m->n_addrs, 1);
    msg_free(&m->msg);
    ck_assert_uint_ge(announce_state_due_at(&torrent->state), 910 * S);
    ck_assert_uint_eq(n_deinit, 1);
    end();
}
END_TEST

START_TEST(a_tracker_that_fails_again_is_no_warning)
{
    struct announce_reply refusal = {.failed = true, .text = "no"};
    struct announce_reply reply = ANNOUNCE_REPLY_EMPTY;

    begin();
    torrent->state.tiers.trackers[1]->retry_at = UINT64_MAX; /* only the first */
    call_replied(announce(0), &refusal, 0);
    expect_outcome(false, "a: no");
    call_failed(announce(100 * S), "strange", 100 * S);
    expect_outcome(false, "a: strange");
    ck_assert_uint_eq(n_lines[LOG_LEVEL_WARNING], 1);
    call_replied(announce(300 * S), &reply, 300 * S);
    expect_outcome(true, "");
    ck_assert_uint_eq(n_lines[LOG_LEVEL_NOTICE], 1);
    end();
}
END_TEST

START_TEST(an_unreachable_service_fails_at_once_while_it_is_held)
{
    struct announce_request request;
    struct announce_tracker *tracker;

    begin();
    announce(0);
    ck_assert(!service_is_held(begun->service, 0));
    call_unreachable(begun, "down", 0);
    expect_outcome(false, "a: down");
    torrent->state.tiers.trackers[0]->retry_at = 0;
    tracker = announce_state_begin(&torrent->state, 1 * S, &request);
    ck_assert(service_is_held(services_get(&calls.services, tracker), 1 * S));
    call_fail_held(&calls, torrent, tracker, &request, 1 * S);
    expect_outcome(false, "a: down");
    ck_assert_uint_eq(n_begun, 1);
    ck_assert_uint_eq(n_lines[LOG_LEVEL_WARNING], 1);
    end();
}
END_TEST

START_TEST(a_slow_call_goes_on_without_counting)
{
    struct announce_reply reply = ANNOUNCE_REPLY_EMPTY;
    struct master_tracker_says *m;

    begin();
    announce(0);
    call_step_at(begun, 15 * S);
    calls_step_due(&calls, 14 * S);
    ck_assert_uint_eq(n_steps, 0);
    calls_step_due(&calls, 15 * S);
    ck_assert_uint_eq(n_steps, 1);
    call_is_slow(begun, "no answer yet", 15 * S);
    call_is_slow(begun, "no answer yet", 16 * S);
    ck_assert_uint_eq(calls.n_counted, 0);
    ck_assert(service_is_held(begun->service, 16 * S));
    m = expect(&master, master_kind_tracker_says);
    ck_assert(!m->ok);
    msg_free(&m->msg);
    call_replied(begun, &reply, 17 * S);
    expect_outcome(true, "");
    end();
}
END_TEST

START_TEST(stopped_is_reported_to_none)
{
    struct announce_reply reply = {.n_addrs = 1};
    struct announce_tracker *tracker;
    struct announce_request request;

    begin();
    calls.total_timeout_ms = 9;
    calls.stop_timeout_ms = 3;
    ck_assert_uint_eq(announce(0)->timeout_ms, 9);
    call_replied(begun, &(struct announce_reply){0}, 0);
    expect_outcome(true, "");
    announce_state_stop(&torrent->state);
    tracker = announce_state_next_stop(&torrent->state, &request);
    call_begin(&calls, torrent, tracker, &request, 0);
    ck_assert_uint_eq(begun->timeout_ms, 3);
    call_replied(begun, &reply, 0);
    call_begin(&calls, torrent, tracker, &request, 0);
    call_unreachable(begun, "down", 0); /* its timeout is short: the service is not held */
    ck_assert(!services_get(&calls.services, tracker)->failing);
    call_begin(&calls, torrent, tracker, &request, 0);
    calls_cut_off(torrent);
    ck_assert_uint_eq(n_deinit, 4);
    end();
}
END_TEST

static void expect_peers(void)
{
    struct lobby_peers_found *m = expect(&lobby, lobby_kind_peers_found);

    ck_assert_uint_eq(m->n_addrs, 1);
    msg_free(&m->msg);
}

/* BEP 7. The repetition has an outcome of its own. */
START_TEST(an_announce_is_repeated_over_the_other_family)
{
    struct announce_reply reply = {.n_addrs = 1, .interval_s = 900};
    struct announcer_call *first;

    begin();
    first = announce(0);
    ck_assert_uint_eq(first->only_family, 0);
    first->used_family = AF_INET6;
    call_replied(first, &reply, 0);
    ck_assert_uint_eq(n_begun, 2);
    ck_assert_uint_eq(begun->only_family, AF_INET);
    ck_assert_int_eq(begun->request.event, ANNOUNCE_STARTED);
    expect_outcome(true, "");
    expect_peers();
    call_replied(begun, &reply, 0);
    expect_peers();
    ck_assert(channel_is_empty(&master.channel));
    ck_assert_ptr_eq(list_first(&calls.ready), &torrent->in_queue);
    list_remove(&torrent->in_queue);
    /* The next one fails over IPv4: it is neither repeated soon nor reported. */
    first = announce(1000 * S);
    first->used_family = AF_INET6;
    call_replied(first, &reply, 1000 * S);
    expect_outcome(true, "");
    expect_peers();
    ck_assert_int_eq(begun->request.event, ANNOUNCE_NONE);
    call_unreachable(begun, "no route", 1000 * S);
    list_remove(&torrent->in_queue);
    ck_assert(!services_get(&calls.services, torrent->state.tiers.trackers[0])->failing);
    ck_assert_uint_eq(n_lines[LOG_LEVEL_WARNING], 0);
    first = announce(2000 * S);
    first->used_family = AF_INET6;
    call_replied(first, &reply, 2000 * S);
    expect_outcome(true, "");
    expect_peers();
    ck_assert_uint_eq(n_begun, 5);
    end();
}
END_TEST

START_TEST(an_announce_that_fails_over_one_family_begins_anew_over_the_other)
{
    struct announce_reply reply = {.interval_s = 900};
    struct announcer_call *first;

    begin();
    first = announce(0);
    first->used_family = AF_INET6;
    call_unreachable(first, "timeout", 0);
    list_remove(&torrent->in_queue);
    ck_assert_uint_eq(begun->only_family, AF_INET);
    begun->used_family = AF_INET;
    call_replied(begun, &reply, 0);
    expect_outcome(true, "");
    ck_assert_uint_eq(n_begun, 2); /* IPv6 has failed just now */
    ck_assert_uint_eq(n_lines[LOG_LEVEL_WARNING], 0);
    /* It fails over both. */
    torrent->state.tiers.trackers[0]->families = (struct announce_families){0};
    first = announce(1000 * S);
    first->used_family = AF_INET6;
    call_failed(first, "closed", 1000 * S);
    list_remove(&torrent->in_queue);
    begun->used_family = AF_INET;
    call_failed(begun, "closed", 1000 * S);
    expect_outcome(false, "a: closed");
    end();
}
END_TEST

RUN_SUITE("announcer's calls", 10, a_reply_is_reported_to_all,
          a_tracker_that_fails_again_is_no_warning,
          an_unreachable_service_fails_at_once_while_it_is_held,
          a_slow_call_goes_on_without_counting, stopped_is_reported_to_none,
          an_announce_is_repeated_over_the_other_family,
          an_announce_that_fails_over_one_family_begins_anew_over_the_other);
