/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/peer/scratch.h"

START_TEST(holds_an_aimed_read_and_is_freed_twice)
{
    struct session_scratch x;

    memset(&x, 0xcc, sizeof x);
    ck_assert_int_eq(session_scratch_init(&x), 0);
    ck_assert_uint_eq(x.at, x.end);
    ck_assert_uint_eq(x.n_aimed, 0);
    ck_assert_uint_eq(SCRATCH_SIZE, 32 * (13 + 16384));
    memset(x.bytes, 1, SCRATCH_SIZE);
    session_scratch_deinit(&x);
    session_scratch_deinit(&x);
    ck_assert_ptr_null(x.bytes);
    x = SESSION_SCRATCH_EMPTY;
    session_scratch_deinit(&x);
}
END_TEST

RUN_SUITE("scratch", 10, holds_an_aimed_read_and_is_freed_twice);
