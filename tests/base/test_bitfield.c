/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/base/bitfield.h"

START_TEST(bits_are_in_wire_order_and_counted)
{
    struct bitfield b, more;

    ck_assert_int_eq(bitfield_init(&b, 11), 0);
    ck_assert_uint_eq(bitfield_size(11), 2);
    ck_assert(bitfield_set(&b, 0));
    ck_assert(!bitfield_set(&b, 0));
    ck_assert(bitfield_set(&b, 10));
    ck_assert_uint_eq(b.bytes[0], 0x80);
    ck_assert_uint_eq(b.bytes[1], 0x20);
    ck_assert_uint_eq(b.n_set, 2);
    ck_assert(bitfield_test(&b, 10) && !bitfield_test(&b, 9));
    ck_assert(bitfield_clear(&b, 10));
    ck_assert(!bitfield_clear(&b, 10));
    ck_assert_uint_eq(b.n_set, 1);
    bitfield_set_all(&b);
    ck_assert(bitfield_all(&b));
    ck_assert_uint_eq(b.bytes[1], 0xe0); /* spare bits stay zero */
    bitfield_clear_all(&b);
    ck_assert_uint_eq(b.n_set, 0);
    ck_assert_int_eq(bitfield_init(&more, 11), 0);
    bitfield_set(&b, 3);
    bitfield_set(&more, 3);
    bitfield_set(&more, 10);
    bitfield_add(&b, &more);
    ck_assert_uint_eq(b.n_set, 2);
    ck_assert(bitfield_test(&b, 3) && bitfield_test(&b, 10));
    bitfield_deinit(&more);
    bitfield_deinit(&b);
    bitfield_deinit(&b);
}
END_TEST

START_TEST(only_bytes_of_the_exact_size_are_loaded)
{
    static const struct {
        uint32_t n_bits;
        uint8_t bytes[4];
        size_t size;
        int result;
        uint32_t n_set;
    } cases[] = {
        {11, {0xff, 0xe0}, 2, 0, 11}, {11, {0x00, 0x20}, 2, 0, 1},
        {11, {0xff, 0xf0}, 2, 1, 0},  {11, {0xff, 0xe1}, 2, 1, 0},
        {11, {0xff}, 1, 1, 0},        {11, {0xff, 0xe0, 0}, 3, 1, 0},
        {16, {0xff, 0xff}, 2, 0, 16}, {1, {0x80}, 1, 0, 1},
        {1, {0x40}, 1, 1, 0},         {0, {0}, 0, 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bitfield b, copy;

        ck_assert_int_eq(bitfield_init(&b, cases[i].n_bits), 0);
        ck_assert_int_eq(bitfield_load(&b, cases[i].bytes, cases[i].size), cases[i].result);
        ck_assert_uint_eq(b.n_set, cases[i].n_set);
        ck_assert_int_eq(bitfield_copy(&copy, &b), 0);
        ck_assert_uint_eq(copy.n_set, b.n_set);
        ck_assert_int_eq(memcmp(copy.bytes, b.bytes, bitfield_size(b.n_bits)), 0);
        bitfield_deinit(&copy);
        bitfield_deinit(&b);
    }
}
END_TEST

RUN_SUITE("Bitfields", 5, bits_are_in_wire_order_and_counted,
          only_bytes_of_the_exact_size_are_loaded);
