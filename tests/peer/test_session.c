/* SPDX-License-Identifier: MIT */
#include "session_harness.h"

#define S UINT64_C(1000000000)

START_TEST(interest_and_choking_are_sent_on_a_change_only)
{
    struct harness w;

    harness_init(&w, FAST);
    session_set_interested(&w.s, false);
    session_set_choking(&w.s, true);
    SENT(&w, "");
    session_set_interested(&w.s, true);
    session_set_interested(&w.s, true);
    session_set_choking(&w.s, false);
    session_set_choking(&w.s, false);
    session_set_interested(&w.s, false);
    session_set_choking(&w.s, true);
    SENT(&w, "\0\0\0\x01\x02\0\0\0\x01\x01\0\0\0\x01\x03\0\0\0\x01\0");
    harness_deinit(&w);
}
END_TEST

START_TEST(sends_keep_alives_and_notices_a_dead_peer)
{
    struct harness w;

    harness_init(&w, FAST);
    w.now += 109 * S;
    ck_assert_int_eq(session_tick(&w.s, w.now), 0);
    SENT(&w, "");
    w.now += 1 * S;
    ck_assert_int_eq(session_tick(&w.s, w.now), 0);
    ck_assert_int_eq(session_tick(&w.s, w.now), 0);
    SENT(&w, "\0\0\0\0");
    ck_assert_int_eq(session_tick(&w.s, w.now), 0);
    SENT(&w, "");
    w.now += 100 * S;
    session_uploaded(&w.s, 1000, w.now);
    w.now += 39 * S;
    ck_assert_int_eq(session_tick(&w.s, w.now), 0);
    SENT(&w, ""); /* data was sent lately */
    FEED(&w, "\0\0\0\0");
    harness_expect(&w, "");
    w.now += 249 * S;
    ck_assert_int_eq(session_tick(&w.s, w.now), 0);
    w.now += 1 * S;
    ck_assert_int_eq(session_tick(&w.s, w.now), SESSION_DEAD);
    harness_deinit(&w);
}
END_TEST

START_TEST(is_active_while_data_can_move)
{
    struct harness w;

    harness_init(&w, FAST);
    ck_assert(!session_is_active(&w.s));
    FEED(&w, "\0\0\0\x01\x02");
    ck_assert(!session_is_active(&w.s));
    session_set_choking(&w.s, false);
    ck_assert(session_is_active(&w.s));
    FEED(&w, "\0\0\0\x01\x03");
    ck_assert(!session_is_active(&w.s));
    FEED(&w, "\0\0\0\x01\x01");
    ck_assert(!session_is_active(&w.s));
    session_set_interested(&w.s, true);
    ck_assert(session_is_active(&w.s));
    harness_claim(&w, 1, 0, 0, 4, 0xf);
    FEED(&w, "\0\0\0\x01\0");
    ck_assert(session_is_active(&w.s)); /* blocks in flight: they arrive or are rejected (BEP 6) */
    session_cancel(&w.s, 0, 0, 0xf);
    ck_assert(session_is_active(&w.s)); /* a claim to be reported */
    harness_events(&w);
    ck_assert(!session_is_active(&w.s));
    ck_assert_ptr_nonnull(w.s.download);
    session_output_sent(&w.s, w.s.out_end - w.s.out_at, w.now);
    session_shrink(&w.s);
    ck_assert_ptr_null(w.s.download);
    ck_assert_ptr_null(w.s.out);
    ck_assert_uint_le(sizeof(struct session), 216);
    harness_deinit(&w);
}
END_TEST

RUN_SUITE("session", 60, interest_and_choking_are_sent_on_a_change_only,
          sends_keep_alives_and_notices_a_dead_peer, is_active_while_data_can_move);
