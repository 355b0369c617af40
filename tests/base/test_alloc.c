/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <string.h>

#include "conjure/base/alloc.h"

START_TEST(an_array_keeps_its_elements_and_doubles)
{
    uint32_t *array = NULL;
    size_t room = 0, n_grown = 0;

    for (uint32_t i = 0; i < 1000; i++) {
        size_t before = room;

        ck_assert_int_eq(array_reserve(&array, &room, i + 1, sizeof *array), 0);
        ck_assert_uint_ge(room, i + 1);
        n_grown += room != before;
        array[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(array[i], i);
    ck_assert_uint_le(n_grown, 8); /* 8, 16, ... 1024 */
    mem_reserve(&array, &room, 2000, sizeof *array);
    ck_assert_uint_eq(room, 2048);
    ck_assert_uint_eq(array[999], 999);
    free(array);
}
END_TEST

START_TEST(a_failed_reservation_leaves_the_array_unchanged)
{
    uint8_t *array = NULL;
    size_t room = 0;

    ck_assert_int_eq(array_reserve(&array, &room, 3, 1), 0);
    memcpy(array, "abc", 3);
    ck_assert_int_eq(array_reserve(&array, &room, SIZE_MAX, 1), -ENOMEM);
    ck_assert_int_eq(array_reserve(&array, &room, SIZE_MAX / 2, 16), -ENOMEM);
    ck_assert_uint_eq(room, 8);
    ck_assert_mem_eq(array, "abc", 3);
    free(array);
}
END_TEST

START_TEST(fresh_memory_is_zeroed)
{
    uint32_t *one = NEW(uint32_t), *many = mem_new_array(100, sizeof *many);
    char *text = mem_dup_string("text");

    ck_assert_uint_eq(*one, 0);
    for (unsigned i = 0; i < 100; i++)
        ck_assert_uint_eq(many[i], 0);
    ck_assert_str_eq(text, "text");
    free(one);
    free(many);
    free(text);
}
END_TEST

RUN_SUITE("alloc", 10, an_array_keeps_its_elements_and_doubles,
          a_failed_reservation_leaves_the_array_unchanged, fresh_memory_is_zeroed);
