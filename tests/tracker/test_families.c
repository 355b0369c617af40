/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <sys/socket.h>

#include "conjure/base/clock.h"
#include "conjure/tracker/families.h"

START_TEST(an_announce_is_repeated_over_the_other_family)
{
    struct announce_families f = {0};

    ck_assert_uint_eq(families_next(&f, AF_INET, 0), AF_INET6);
    ck_assert_uint_eq(families_next(&f, AF_INET6, 0), AF_INET);
    ck_assert_uint_eq(families_next(&f, 0, 0), 0);
    families_succeeded(&f, AF_INET);
    families_succeeded(&f, 0);
    ck_assert(families_know_us(&f, AF_INET));
    ck_assert(!families_know_us(&f, AF_INET6));
    ck_assert(!families_know_us(&f, 0));
    ck_assert_uint_eq(families_next(&f, AF_INET, 0), AF_INET6);
}
END_TEST

START_TEST(a_family_that_fails_is_tried_ever_more_rarely)
{
    struct announce_families f = {0};
    uint64_t now = 0, last = 0;

    families_succeeded(&f, AF_INET6);
    for (unsigned i = 0; i < 100; i++) {
        families_failed(&f, AF_INET6, now);
        ck_assert_uint_eq(families_next(&f, AF_INET, f.six.retry_at - 1), 0);
        ck_assert_uint_eq(families_next(&f, AF_INET, f.six.retry_at), AF_INET6);
        ck_assert_uint_ge(f.six.retry_at - now, last);
        ck_assert_uint_le(f.six.retry_at - now, FAMILY_BACK_OFF_MAX_S * NS_PER_S);
        last = f.six.retry_at - now;
        now = f.six.retry_at;
    }
    ck_assert_uint_eq(families_next(&f, AF_INET6, 0), AF_INET); /* the other one is not held */
    ck_assert(families_know_us(&f, AF_INET6)); /* it must still receive `stopped` */
    families_succeeded(&f, AF_INET6);
    families_failed(&f, AF_INET6, 0);
    ck_assert_uint_eq(f.six.retry_at, FAMILY_BACK_OFF_FIRST_S * NS_PER_S);
}
END_TEST

START_TEST(the_family_that_works_is_the_only_one_while_the_other_has_failed)
{
    struct announce_families f = {0};

    ck_assert_uint_eq(families_only(&f, 0), 0);
    families_failed(&f, AF_INET, 0);
    ck_assert_uint_eq(families_only(&f, 0), 0); /* it is unknown whether IPv6 works */
    families_succeeded(&f, AF_INET6);
    ck_assert_uint_eq(families_only(&f, 0), AF_INET6);
    ck_assert_uint_eq(families_only(&f, f.four.retry_at), 0);
    families_failed(&f, AF_INET6, 0);
    ck_assert_uint_eq(families_only(&f, 0), 0);
    families_succeeded(&f, AF_INET);
    ck_assert_uint_eq(families_only(&f, 0), AF_INET);
}
END_TEST

RUN_SUITE("families", 20, an_announce_is_repeated_over_the_other_family,
          a_family_that_fails_is_tried_ever_more_rarely,
          the_family_that_works_is_the_only_one_while_the_other_has_failed);
