/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "interest/effects.h"

START_TEST(effects_are_taken_in_order)
{
    struct effects q = EFFECTS_EMPTY;
    struct interest_effect e = {.peer = 77};
    uint32_t n_in = 0, n_out = 0;

    ck_assert(!effects_next(&q, &e));
    ck_assert_uint_eq(e.peer, 77);
    for (uint32_t round = 1; round < 40; round++) {
        for (uint32_t i = 0; i < round; i++)
            effects_add(&q, (struct interest_effect){.kind = INTEREST_CANCEL, .peer = n_in++});
        for (uint32_t i = 0; i < round / 2; i++) {
            ck_assert(effects_next(&q, &e));
            ck_assert(e.kind == INTEREST_CANCEL && e.peer == n_out++);
        }
    }
    while (effects_next(&q, &e))
        ck_assert_uint_eq(e.peer, n_out++);
    ck_assert_uint_eq(n_out, n_in);
    effects_deinit(&q);
    effects_deinit(&q);
}
END_TEST

/* An empty queue begins at the front of its array again. */
START_TEST(a_queue_that_is_emptied_does_not_grow)
{
    struct effects q = EFFECTS_EMPTY;
    struct interest_effect e;

    for (uint32_t round = 0; round < 1000; round++) {
        for (uint32_t i = 0; i < 5; i++)
            effects_add(&q, (struct interest_effect){.peer = i});
        while (effects_next(&q, &e))
            ;
    }
    ck_assert_uint_eq(q.room, 8);
    effects_deinit(&q);
}
END_TEST

RUN_SUITE("effects", 10, effects_are_taken_in_order, a_queue_that_is_emptied_does_not_grow);
