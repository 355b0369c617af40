/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include "actors/master/seed_goal.h"
#include "conjure/base/alloc.h"

#define NEVER UINT64_MAX

START_TEST(a_goal_is_a_ratio_or_a_time_whichever_comes_first)
{
    static const struct {
        double ratio;
        uint64_t time_s;
        uint64_t wanted, uploaded, seeded_s;
        bool is_set, has_time, is_met;
    } cases[] = {
        {0, NEVER, 1000, 1000000, 1000000, false, false, false},
        {2, NEVER, 1000, 1999, 1000000, true, false, false},
        {2, NEVER, 1000, 2000, 0, true, false, true},
        {0.5, NEVER, 1000, 499, 0, true, false, false},
        {0.5, NEVER, 1000, 500, 0, true, false, true},
        {2, NEVER, 0, 0, 0, true, false, false}, /* no ratio of nothing */
        {0, 60, 1000, 0, 59, true, true, false},
        {0, 60, 1000, 0, 60, true, true, true},
        {0, 0, 1000, 0, 0, false, false, true}, /* not at all */
        {2, 60, 1000, 1999, 59, true, true, false},
        {2, 60, 1000, 1999, 60, true, true, true},
        {2, 60, 1000, 2000, 0, true, true, true},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct torrent_settings s = {.seed_ratio = cases[i].ratio, .seed_time_s = cases[i].time_s};

        ck_assert_msg(seed_goal_is_set(&s) == cases[i].is_set, "case %zu", i);
        ck_assert_msg(seed_goal_has_time(&s) == cases[i].has_time, "case %zu", i);
        ck_assert_msg(seed_goal_is_met(&s, cases[i].wanted, cases[i].uploaded, cases[i].seeded_s) ==
                          cases[i].is_met,
                      "case %zu", i);
    }
}
END_TEST

RUN_SUITE("seed goal", 10, a_goal_is_a_ratio_or_a_time_whichever_comes_first);
