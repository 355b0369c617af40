/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/clock.h"

START_TEST(time_does_not_run_back)
{
    uint64_t first = clock_now(), last = first, now = first;

    ck_assert_uint_gt(first, 0);
    for (int i = 0; i < 1000 || now == first; i++, last = now) {
        now = clock_now();
        ck_assert_uint_ge(now, last);
    }
    ck_assert_uint_eq(NS_PER_S, 1000 * NS_PER_MS);
}
END_TEST

RUN_SUITE("clock", 10, time_does_not_run_back);
