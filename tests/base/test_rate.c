/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/clock.h"
#include "conjure/base/rate.h"

START_TEST(a_steady_flow_is_measured)
{
    struct rate r = RATE_EMPTY;
    uint64_t now = 12345 * NS_PER_S;

    ck_assert_uint_eq(rate_get(&r, now), 0);
    for (int i = 0; i < 600; i++, now += NS_PER_S / 20)
        rate_add(&r, 5000, now);
    ck_assert_uint_eq(r.total, 3000000);
    ck_assert_double_eq_tol((double)rate_get(&r, now), 100000, 2000);
}
END_TEST

START_TEST(a_new_meter_has_a_sensible_rate)
{
    struct rate r = RATE_EMPTY;
    uint64_t now = 5 * NS_PER_S;

    rate_add(&r, 100000, now);
    ck_assert_uint_le(rate_get(&r, now), 400000); /* a quarter of a second is assumed */
    ck_assert_uint_ge(rate_get(&r, now), 300000);
    for (int i = 0; i < 20; i++)
        rate_add(&r, 10000, now += NS_PER_S / 10);
    ck_assert_double_eq_tol((double)rate_get(&r, now), 133000, 15000);
}
END_TEST

START_TEST(a_flow_that_stopped_no_longer_counts)
{
    struct rate r = RATE_EMPTY;
    uint64_t now = 5 * NS_PER_S, before;

    for (int i = 0; i < 100; i++)
        rate_add(&r, 100000, now += NS_PER_S / 10);
    before = rate_get(&r, now);
    ck_assert_uint_ge(before, 900000);
    ck_assert_uint_le(rate_get(&r, now + 10 * NS_PER_S), before * 6 / 10);
    ck_assert_uint_le(rate_get(&r, now + 100 * NS_PER_S), before / 5);
}
END_TEST

START_TEST(two_updates_at_the_same_time_do_not_divide_by_zero)
{
    struct rate r = RATE_EMPTY;

    rate_add(&r, 10, 1);
    rate_add(&r, 10, 1);
    ck_assert_uint_eq(r.total, 20);
    (void)rate_get(&r, 1);
}
END_TEST

RUN_SUITE("Rates", 5, a_steady_flow_is_measured, a_new_meter_has_a_sensible_rate,
          a_flow_that_stopped_no_longer_counts, two_updates_at_the_same_time_do_not_divide_by_zero);
