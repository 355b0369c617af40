/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/base/info_hash.h"

START_TEST(a_hash_is_its_twenty_bytes)
{
    const uint8_t *bytes = (const uint8_t *)"abcdefghij\0\xff\x80klmnopq";
    struct info_hash a = info_hash_from(bytes), b = a;
    char text[INFO_HASH_TEXT_SIZE];

    ck_assert_mem_eq(a.bytes, bytes, INFO_HASH_SIZE);
    ck_assert(info_hash_equal(&a, &b));
    b.bytes[INFO_HASH_SIZE - 1] ^= 1;
    ck_assert(!info_hash_equal(&a, &b));
    ck_assert_str_eq(info_hash_text(&a, text), "6162636465666768696a00ff806b6c6d6e6f7071");
}
END_TEST

RUN_SUITE("info-hash", 10, a_hash_is_its_twenty_bytes);
