/* SPDX-License-Identifier: MIT */
#include "parsing.h"

#include <stdio.h>

START_TEST(a_long_reason_ends_with_a_whole_character)
{
    /* Two files at the same path of 2-byte characters: the reason must be cut somewhere. */
    for (unsigned shift = 1; shift < 3; shift++) {
        char text[2000];
        int n = sprintf(text, "d4:infod5:filesl");

        for (int file = 0; file < 2; file++) {
            n += sprintf(text + n, "d6:lengthi0e4:pathl%u:%.*s", 240 + shift, (int)shift, "xx");
            for (int i = 0; i < 120; i++)
                n += sprintf(text + n, "\xc3\xa9");
            n += sprintf(text + n, "ee");
        }
        n += sprintf(text + n, "e4:name1:n" PIECE NO_REST);
        ck_assert_int_eq(parse_n(text, (size_t)n), METAINFO_REFUSED);
        ck_assert_uint_ge(strlen(reason), METAINFO_REASON_MAX - 4);
        ck_assert_int_eq((uint8_t)reason[strlen(reason) - 1], 0xa9);
    }
}
END_TEST

RUN_SUITE("Loader", 20, a_long_reason_ends_with_a_whole_character);
