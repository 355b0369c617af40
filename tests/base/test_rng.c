/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/base/rng.h"

START_TEST(a_seed_gives_the_same_numbers_again)
{
    struct rng a, b, c;

    rng_seed(&a, 5);
    rng_seed(&b, 5);
    rng_seed(&c, 6);
    for (int i = 0; i < 100; i++) {
        uint64_t x = rng_next(&a);

        ck_assert_uint_eq(x, rng_next(&b));
        ck_assert_uint_ne(x, rng_next(&c));
    }
}
END_TEST

/* xoshiro256** by its authors' definition, from the state 1, 2, 3, 4. */
START_TEST(numbers_are_those_of_the_algorithm)
{
    static const uint64_t expected[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    struct rng rng = {.s = {1, 2, 3, 4}};

    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(rng_next(&rng), expected[i]);
}
END_TEST

START_TEST(every_number_below_the_bound_comes_up)
{
    uint32_t n[7] = {0};
    struct rng rng;

    rng_seed(&rng, 1);
    for (int i = 0; i < 7000; i++)
        n[rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        ck_assert(n[i] > 850 && n[i] < 1150);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(rng_below(&rng, 1), 0);
}
END_TEST

START_TEST(the_kernel_gives_different_bytes_each_time)
{
    uint8_t a[1000] = {0}, b[1000] = {0};
    struct rng x, y;

    rng_secret(a, sizeof a - 1);
    rng_secret(b, sizeof b - 1);
    ck_assert_mem_ne(a, b, sizeof a - 1);
    ck_assert_uint_eq(a[sizeof a - 1], 0); /* not beyond the end */
    rng_seed_from_kernel(&x);
    rng_seed_from_kernel(&y);
    ck_assert_uint_ne(rng_next(&x), rng_next(&y));
}
END_TEST

RUN_SUITE("rng", 10, a_seed_gives_the_same_numbers_again, numbers_are_those_of_the_algorithm,
          every_number_below_the_bound_comes_up, the_kernel_gives_different_bytes_each_time);
