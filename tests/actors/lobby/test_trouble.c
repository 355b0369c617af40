/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include "actors/lobby/trouble.h"
#include "conjure/base/clock.h"

START_TEST(each_trouble_is_logged_once_a_minute)
{
    struct troubles t = {0};

    ck_assert(troubles_must_log(&t, TROUBLE_FULL, NS_PER_S));
    ck_assert(!troubles_must_log(&t, TROUBLE_FULL, NS_PER_S));
    ck_assert(troubles_must_log(&t, TROUBLE_DIAL, NS_PER_S));
    ck_assert(!troubles_must_log(&t, TROUBLE_FULL, 61 * NS_PER_S - 1));
    ck_assert(troubles_must_log(&t, TROUBLE_FULL, 61 * NS_PER_S));
    ck_assert(!troubles_must_log(&t, TROUBLE_FULL, 62 * NS_PER_S));
}
END_TEST

RUN_SUITE("Trouble", 20, each_trouble_is_logged_once_a_minute);
