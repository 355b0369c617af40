/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/swarm/twins.h"

#define GRACE 10u

static const uint8_t low[] = "-AA0000-aaaaaaaaaaaa", high[] = "-XX0000-aaaaaaaaaaaa";

START_TEST(a_young_connection_admits_a_twin_in_the_other_direction)
{
    static const struct {
        struct twin present;
        enum twin_direction newcomer;
        enum twin_admission admission;
    } cases[] = {
        {{TWIN_DIALLED, 0, false}, TWIN_INCOMING, TWIN_ADMIT},
        {{TWIN_INCOMING, GRACE - 1, false}, TWIN_DIALLED, TWIN_ADMIT},
        {{TWIN_INCOMING, GRACE, false}, TWIN_DIALLED, TWIN_REFUSE}, /* not at the same time */
        {{TWIN_DIALLED, 0, false}, TWIN_DIALLED, TWIN_REFUSE},
        {{TWIN_INCOMING, 0, false}, TWIN_INCOMING, TWIN_REFUSE},
        {{TWIN_INCOMING, 0, true}, TWIN_DIALLED, TWIN_REFUSE}, /* a third */
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_int_eq(twin_admit(&cases[i].present, cases[i].newcomer, GRACE),
                         cases[i].admission);
}
END_TEST

/* A connection that one end dialled is incoming at the other. */
START_TEST(both_ends_close_the_same_connection)
{
    ck_assert_int_eq(twin_to_close(high, low), TWIN_INCOMING);
    ck_assert_int_eq(twin_to_close(low, high), TWIN_DIALLED);
}
END_TEST

START_TEST(only_another_conjure_is_known_to_close_the_same)
{
    ck_assert(twin_closes_at_once((const uint8_t *)"-CJ0100-aaaaaaaaaaaa"));
    ck_assert(!twin_closes_at_once(low));
}
END_TEST

RUN_SUITE("Twins", 20, a_young_connection_admits_a_twin_in_the_other_direction,
          both_ends_close_the_same_connection, only_another_conjure_is_known_to_close_the_same);
