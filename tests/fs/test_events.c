/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "fs/events.h"

START_TEST(events_are_taken_in_order)
{
    static const struct addr bob = {.ip = {10, 0, 0, 2}, .port = 2, .family = AF_INET};
    struct events e = EVENTS_EMPTY;
    struct storage_event x;

    ck_assert(!events_take(&e, &x));
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 100; i++)
            events_add(&e, i % 2 ? STORAGE_GUILTY : STORAGE_FAILED, i, i % 2 ? &bob : NULL);
        for (uint32_t i = 0; i < 100; i++) {
            ck_assert(events_take(&e, &x));
            ck_assert(x.piece == i && x.kind == (i % 2 ? STORAGE_GUILTY : STORAGE_FAILED));
            ck_assert_int_eq(addr_equal(&x.addr, &bob), i % 2);
        }
        ck_assert(!events_take(&e, &x));
    }
    ck_assert_uint_lt(e.room, 300); /* room is used again */
    events_deinit(&e);
    events_deinit(&e);
}
END_TEST

RUN_SUITE("events", 10, events_are_taken_in_order);
