/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/base/bytes.h"

START_TEST(integers_are_big_endian)
{
    static const uint8_t wire[] = {0x01, 0x02, 0xfe, 0xdc, 0xba, 0x98, 0x80,
                                   0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01};
    uint8_t bytes[sizeof wire];
    uint8_t *end = put_be64(put_be32(put_be16(bytes, 0x0102), 0xfedcba98), UINT64_C(1) << 63 | 1);

    ck_assert_ptr_eq(end, bytes + sizeof bytes);
    ck_assert_mem_eq(bytes, wire, sizeof wire);
    ck_assert_uint_eq(get_be16(wire), 0x0102);
    ck_assert_uint_eq(get_be32(wire + 2), 0xfedcba98);
    ck_assert_uint_eq(get_be64(wire + 6), UINT64_C(1) << 63 | 1);
}
END_TEST

START_TEST(hexadecimal_text_and_back)
{
    static const uint8_t bytes[] = {0x00, 0x9a, 0xff, 0x7e};
    uint8_t back[sizeof bytes];
    char text[2 * sizeof bytes + 1];

    ck_assert_ptr_eq(hex_encode(bytes, sizeof bytes, text), text);
    ck_assert_str_eq(text, "009aff7e");
    ck_assert_int_eq(hex_decode("009AfF7e", back, sizeof back), 0);
    ck_assert_mem_eq(back, bytes, sizeof bytes);
    ck_assert_str_eq(hex_encode(bytes, 0, text), "");
}
END_TEST

START_TEST(only_hexadecimal_digits_are_read)
{
    static const char *const texts[] = {"",   "0",  "0g", "g0", "/0", ":0",
                                        "@0", "`0", " 0", "-1", "0x"};
    uint8_t byte;

    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert_msg(hex_decode(texts[i], &byte, 1) == HEX_MALFORMED, "%s", texts[i]);
}
END_TEST

RUN_SUITE("bytes", 10, integers_are_big_endian, hexadecimal_text_and_back,
          only_hexadecimal_digits_are_read);
