/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdio.h>

#include "conjure/base/clock.h"
#include "conjure/tracker/state.h"

#define S NS_PER_S

static struct announce_state state_of(const char *const *urls, uint32_t n)
{
    struct announce_state s = ANNOUNCE_STATE_EMPTY;

    for (uint32_t i = 0; i < n; i++)
        ck_assert_int_eq(tiers_add(&s.tiers, i, urls[i]), 0);
    s.left = 100;
    return s;
}

/* Begins an announce, which must be to URL with EVENT; returns the request. */
static struct announce_request begin(struct announce_state *s, uint64_t now, const char *url,
                                     enum announce_event event)
{
    struct announce_request r;
    struct announce_tracker *t = announce_state_begin(s, now, &r);

    ck_assert_ptr_nonnull(t);
    ck_assert_str_eq(t->url, url);
    ck_assert_int_eq(r.event, event);
    ck_assert_uint_eq(announce_state_due_at(s), UINT64_MAX);
    return r;
}

START_TEST(events_and_intervals)
{
    struct announce_state s = state_of((const char *[]){"http://a/"}, 1);
    struct announce_reply reply = {.interval_s = 900, .min_interval_s = 300};
    struct announce_request r;

    ck_assert_uint_eq(announce_state_due_at(&s), 0);
    r = begin(&s, 10 * S, "http://a/", ANNOUNCE_STARTED);
    ck_assert_uint_eq(r.left, 100);
    ck_assert_uint_eq(r.n_want, 50);
    ck_assert_ptr_null(r.tracker_id);
    ck_assert_ptr_null(announce_state_begin(&s, 10 * S, &r));
    announce_state_succeeded(&s, &reply, 10 * S);
    ck_assert_uint_eq(announce_state_due_at(&s), 910 * S);
    ck_assert_ptr_null(announce_state_begin(&s, 909 * S, &r));
    /* In a small swarm the min interval holds, and more addresses are asked for. */
    announce_state_need_peers(&s);
    ck_assert_uint_eq(announce_state_due_at(&s), 310 * S);
    r = begin(&s, 310 * S, "http://a/", ANNOUNCE_NONE);
    ck_assert_uint_eq(r.n_want, 200);
    snprintf(reply.tracker_id, sizeof reply.tracker_id, "id");
    announce_state_succeeded(&s, &reply, 311 * S);
    /* `completed` is due at once. */
    announce_state_complete(&s);
    r = begin(&s, 312 * S, "http://a/", ANNOUNCE_COMPLETED);
    ck_assert_uint_eq(r.left, 0);
    ck_assert_uint_eq(r.n_want, 50);
    ck_assert_str_eq(r.tracker_id, "id");
    reply.tracker_id[0] = 0;
    announce_state_succeeded(&s, &reply, 312 * S);
    ck_assert_uint_eq(announce_state_due_at(&s), 1212 * S);
    r = begin(&s, 1212 * S, "http://a/", ANNOUNCE_NONE);
    ck_assert_str_eq(r.tracker_id, "id");
    announce_state_succeeded(&s, &reply, 1212 * S);
    announce_state_stop(&s);
    ck_assert_uint_eq(announce_state_due_at(&s), UINT64_MAX);
    ck_assert_ptr_nonnull(announce_state_next_stop(&s, &r));
    ck_assert_int_eq(r.event, ANNOUNCE_STOPPED);
    ck_assert_uint_eq(r.n_want, 0);
    ck_assert_ptr_null(announce_state_next_stop(&s, &r));
    announce_state_deinit(&s);
    announce_state_deinit(&s);
}
END_TEST

/* BEP 21: in every announce but the first and the last, unless the tracker refuses the event. */
START_TEST(a_partial_seed_is_paused)
{
    struct announce_state s = state_of((const char *[]){"http://a/", "http://b/"}, 2);
    struct announce_reply reply = {.interval_s = 900};
    struct announce_request r;

    s.partial = true;
    begin(&s, 0, "http://a/", ANNOUNCE_STARTED);
    announce_state_succeeded(&s, &reply, 0);
    r = begin(&s, 900 * S, "http://a/", ANNOUNCE_PAUSED);
    ck_assert_uint_eq(r.left, 100);
    announce_state_succeeded(&s, &reply, 900 * S);
    begin(&s, 1800 * S, "http://a/", ANNOUNCE_PAUSED);
    announce_state_refused_paused(&s);
    ck_assert_uint_le(announce_state_due_at(&s), 1800 * S);
    begin(&s, 1801 * S, "http://a/", ANNOUNCE_NONE);
    announce_state_succeeded(&s, &reply, 1801 * S);
    begin(&s, 2701 * S, "http://a/", ANNOUNCE_NONE);
    /* Another tracker may accept the event. */
    announce_state_failed(&s, 0, 2701 * S);
    begin(&s, 2702 * S, "http://b/", ANNOUNCE_STARTED);
    announce_state_succeeded(&s, &reply, 2702 * S);
    begin(&s, 3602 * S, "http://a/", ANNOUNCE_NONE);
    announce_state_failed(&s, 0, 3602 * S);
    begin(&s, 3603 * S, "http://b/", ANNOUNCE_PAUSED);
    announce_state_stop(&s);
    ck_assert_ptr_nonnull(announce_state_next_stop(&s, &r));
    ck_assert_int_eq(r.event, ANNOUNCE_STOPPED);
    announce_state_deinit(&s);
}
END_TEST

START_TEST(absurd_intervals_are_bounded)
{
    struct announce_state s = state_of((const char *[]){"http://a/"}, 1);
    struct announce_reply reply = ANNOUNCE_REPLY_EMPTY;

    begin(&s, 0, "http://a/", ANNOUNCE_STARTED);
    announce_state_succeeded(&s, &reply, 0);
    ck_assert_uint_eq(announce_state_due_at(&s), 1800 * S);
    announce_state_need_peers(&s);
    ck_assert_uint_eq(announce_state_due_at(&s), 60 * S);
    begin(&s, 1800 * S, "http://a/", ANNOUNCE_NONE);
    reply.interval_s = 1;
    announce_state_succeeded(&s, &reply, 0);
    ck_assert_uint_eq(announce_state_due_at(&s), 5 * S);
    begin(&s, 1800 * S, "http://a/", ANNOUNCE_NONE);
    reply.interval_s = reply.min_interval_s = UINT32_MAX;
    announce_state_succeeded(&s, &reply, 0);
    ck_assert_uint_eq(announce_state_due_at(&s), 86400 * S);
    /* A min interval above the interval replaces it. */
    begin(&s, 86400 * S, "http://a/", ANNOUNCE_NONE);
    reply.interval_s = 10;
    reply.min_interval_s = 100;
    announce_state_succeeded(&s, &reply, 0);
    ck_assert_uint_eq(announce_state_due_at(&s), 100 * S);
    announce_state_deinit(&s);
}
END_TEST

START_TEST(the_next_tracker_is_tried_at_once)
{
    struct announce_state s = state_of((const char *[]){"http://a/", "http://b/", "udp://c:1"}, 3);
    struct announce_reply refusal = {.failed = true}, reply = {.interval_s = 600};
    struct announce_request r;

    begin(&s, 0, "http://a/", ANNOUNCE_STARTED);
    announce_state_failed(&s, 0, 0);
    ck_assert_uint_eq(announce_state_due_at(&s), 0);
    begin(&s, 1 * S, "http://b/", ANNOUNCE_STARTED);
    announce_state_succeeded(&s, &refusal, 1 * S);
    begin(&s, 2 * S, "udp://c:1", ANNOUNCE_STARTED);
    announce_state_failed(&s, 0, 2 * S);
    /* All have failed: nothing is due until the first back-off ends. */
    ck_assert_uint_eq(announce_state_due_at(&s), 15 * S);
    ck_assert_ptr_null(announce_state_begin(&s, 14 * S, &r));
    begin(&s, 15 * S, "http://a/", ANNOUNCE_STARTED);
    announce_state_failed(&s, 0, 15 * S);
    begin(&s, 16 * S, "http://b/", ANNOUNCE_STARTED);
    announce_state_succeeded(&s, &reply, 16 * S);
    ck_assert_uint_eq(announce_state_due_at(&s), 616 * S);
    /* BEP 12: each announce begins at the first tier; that one has not accepted `started` yet. */
    begin(&s, 616 * S, "http://a/", ANNOUNCE_STARTED);
    announce_state_failed(&s, 0, 616 * S);
    begin(&s, 616 * S, "http://b/", ANNOUNCE_NONE);
    announce_state_succeeded(&s, &reply, 616 * S);
    /* Only b knows us. */
    announce_state_stop(&s);
    ck_assert_str_eq(announce_state_next_stop(&s, &r)->url, "http://b/");
    ck_assert_ptr_null(announce_state_next_stop(&s, &r));
    announce_state_deinit(&s);
}
END_TEST

static struct announce_reply reply_with(uint32_t n_addrs)
{
    static const struct addr a = {.ip = {192, 0, 2, 1}, .port = 1, .family = AF_INET};
    struct announce_reply reply = {.interval_s = 1800, .min_interval_s = 60};

    for (uint32_t i = 0; i < n_addrs; i++)
        announce_reply_add(&reply, &a);
    return reply;
}

/* The first tracker replies, and names nobody. */
START_TEST(other_trackers_are_asked_while_one_names_nobody)
{
    struct announce_state s =
        state_of((const char *[]){"http://a/", "http://b/", "http://c/", "http://d/"}, 4);
    struct announce_reply none = reply_with(0), some = reply_with(1);
    struct announce_request r;

    begin(&s, 0, "http://a/", ANNOUNCE_STARTED);
    announce_state_succeeded(&s, &none, 0);
    ck_assert_uint_eq(announce_state_due_at(&s), 0);
    begin(&s, 0, "http://b/", ANNOUNCE_STARTED);
    announce_state_failed(&s, 0, 1 * S);
    begin(&s, 1 * S, "http://c/", ANNOUNCE_STARTED);
    announce_state_succeeded(&s, &some, 1 * S);
    /* It named somebody: the next regular announce is to the first one, at its time. */
    ck_assert_uint_eq(announce_state_due_at(&s), 1800 * S);
    /* More are needed: D was never asked, and is at once. */
    announce_state_need_peers(&s);
    begin(&s, 20 * S, "http://b/", ANNOUNCE_STARTED);
    announce_state_succeeded(&s, &none, 20 * S);
    begin(&s, 20 * S, "http://d/", ANNOUNCE_STARTED);
    announce_state_succeeded(&s, &none, 20 * S);
    /* All were asked: not again before a min interval ends. */
    ck_assert_uint_eq(announce_state_due_at(&s), 1800 * S);
    announce_state_need_peers(&s);
    ck_assert_uint_eq(announce_state_due_at(&s), 60 * S);
    begin(&s, 60 * S, "http://a/", ANNOUNCE_NONE);
    announce_state_succeeded(&s, &some, 60 * S);
    ck_assert_uint_eq(announce_state_due_at(&s), 1860 * S);
    announce_state_stop(&s);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_ptr_nonnull(announce_state_next_stop(&s, &r));
    announce_state_deinit(&s);
}
END_TEST

START_TEST(a_seed_asks_one_tracker)
{
    struct announce_state s = state_of((const char *[]){"http://a/", "http://b/"}, 2);
    struct announce_reply none = reply_with(0);

    s.left = 0;
    begin(&s, 0, "http://a/", ANNOUNCE_STARTED);
    announce_state_succeeded(&s, &none, 0);
    ck_assert_uint_eq(announce_state_due_at(&s), 1800 * S);
    announce_state_deinit(&s);
}
END_TEST

START_TEST(a_started_that_was_cut_off_may_have_arrived)
{
    struct announce_state s = state_of((const char *[]){"http://a/"}, 1);
    struct announce_request r;

    begin(&s, 0, "http://a/", ANNOUNCE_STARTED);
    announce_state_stop(&s);
    ck_assert_str_eq(announce_state_next_stop(&s, &r)->url, "http://a/");
    announce_state_deinit(&s);

    s = state_of((const char *[]){"http://a/"}, 1);
    announce_state_stop(&s);
    ck_assert_ptr_null(announce_state_next_stop(&s, &r));
    announce_state_deinit(&s);
}
END_TEST

START_TEST(without_trackers_nothing_is_ever_due)
{
    struct announce_state s = ANNOUNCE_STATE_EMPTY;
    struct announce_request r;

    announce_state_complete(&s);
    announce_state_need_peers(&s);
    ck_assert_uint_eq(announce_state_due_at(&s), UINT64_MAX);
    ck_assert_ptr_null(announce_state_begin(&s, 5, &r));
    announce_state_deinit(&s);
}
END_TEST

/* Torrents that begin together announce one after the other, none before its interval ends. */
START_TEST(the_periods_of_torrents_differ)
{
    struct announce_reply reply = {.interval_s = 1800, .min_interval_s = 1800};
    struct announce_state s = state_of((const char *[]){"http://a/"}, 1);
    struct announce_request r;

    for (unsigned i = 0; i <= 4; i++) {
        s.spread = (uint16_t)(i * (UINT16_MAX / 4));
        s.interval_end = 0;
        ck_assert_ptr_nonnull(announce_state_begin(&s, 0, &r));
        announce_state_succeeded(&s, &reply, 0);
        ck_assert_uint_ge(announce_state_due_at(&s), (1800 + i * 45) * S - S);
        ck_assert_uint_le(announce_state_due_at(&s), (1800 + i * 45) * S);
        ck_assert_uint_ge(announce_state_due_at(&s), 1800 * S);
    }
    /* The same for the back-off. */
    s.interval_end = 0;
    ck_assert_ptr_nonnull(announce_state_begin(&s, 0, &r));
    announce_state_failed(&s, 0, 0);
    ck_assert_uint_ge(announce_state_due_at(&s), 18 * S);
    ck_assert_uint_le(announce_state_due_at(&s), 19 * S);
    announce_state_deinit(&s);
}
END_TEST

RUN_SUITE("announce state", 10, events_and_intervals, the_periods_of_torrents_differ,
          a_partial_seed_is_paused, absurd_intervals_are_bounded, the_next_tracker_is_tried_at_once,
          other_trackers_are_asked_while_one_names_nobody, a_seed_asks_one_tracker,
          a_started_that_was_cut_off_may_have_arrived, without_trackers_nothing_is_ever_due);
