/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/search.h"

static bool is_below(const void *arg, uint32_t i, const void *key)
{
    const uint32_t *numbers = arg;

    return numbers[i] < *(const uint32_t *)key;
}

START_TEST(entries_before_a_key_are_counted)
{
    static const uint32_t numbers[] = {2, 4, 4, 4, 6};
    static const struct {
        uint32_t n, key, count;
    } cases[] = {{0, 3, 0}, {1, 2, 0}, {1, 3, 1}, {5, 0, 0}, {5, 2, 0},
                 {5, 3, 1}, {5, 4, 1}, {5, 5, 4}, {5, 6, 4}, {5, 7, 5}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_uint_eq(search_count(cases[i].n, is_below, numbers, &cases[i].key),
                          cases[i].count);
}
END_TEST

RUN_SUITE("Search", 10, entries_before_a_key_are_counted);
