/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/piece/stored_blocks.h"

START_TEST(is_freed_twice_and_then_empty)
{
    struct stored_blocks s = {.runs = malloc(3 * sizeof *s.runs), .n = 3};

    stored_blocks_deinit(&s);
    ck_assert_ptr_null(s.runs);
    ck_assert_uint_eq(s.n, 0);
    stored_blocks_deinit(&s);
    ck_assert_uint_eq(sizeof(struct stored_run), 16); /* documented in the header */
}
END_TEST

RUN_SUITE("stored_blocks", 10, is_freed_twice_and_then_empty);
