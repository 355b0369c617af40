/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "torrent/loader.h"

START_TEST(a_long_reason_ends_with_a_whole_character)
{
    /* Characters of 2 bytes: one of them does not fit. */
    for (unsigned shift = 1; shift < 3; shift++) {
        char text[400] = "xx", reason[METAINFO_REASON_MAX];
        struct loader l = {.reason = reason};

        for (unsigned i = 0; i < 150; i++)
            strcpy(text + shift + 2 * i, "\xc3\xa9");
        ck_assert_int_eq(loader_refuse(&l, "%s", text), METAINFO_REFUSED);
        ck_assert_uint_ge(strlen(reason), METAINFO_REASON_MAX - 3);
        ck_assert_int_eq((uint8_t)reason[strlen(reason) - 1], 0xa9);
    }
}
END_TEST

RUN_SUITE("Loader", 20, a_long_reason_ends_with_a_whole_character);
