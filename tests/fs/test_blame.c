/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "fs/blame.h"

#define N 3

static const struct addr alice = {.ip = {10, 0, 0, 1}, .port = 1, .family = AF_INET};
static const struct addr bob = {.ip = {10, 0, 0, 2}, .port = 2, .family = AF_INET};

static struct addr named[8];
static unsigned n_named;

static void name(void *arg, uint32_t piece, const struct addr *addr)
{
    ck_assert_ptr_eq(arg, named);
    named[n_named++] = *addr;
}

static void make_digests(uint8_t digests[N][SHA1_SIZE], uint8_t first)
{
    memset(digests, 7, N * SHA1_SIZE);
    digests[0][0] = first;
}

START_TEST(the_only_sender_is_found_immediately)
{
    const struct addr same[] = {bob, bob}, two[] = {bob, alice}, earlier[2] = {bob};

    ck_assert(addr_equal(blame_find_single(same, 2), &bob));
    ck_assert_ptr_null(blame_find_single(two, 2));
    ck_assert_ptr_null(blame_find_single(earlier, 2));
    ck_assert_ptr_null(blame_find_single(same, 0));
}
END_TEST

START_TEST(the_sender_of_a_block_that_differs_is_named_once)
{
    const struct addr from[N] = {bob, alice, bob};
    uint8_t bad[N][SHA1_SIZE], good[N][SHA1_SIZE];
    struct blame b = BLAME_EMPTY;

    n_named = 0;
    make_digests(bad, 1);
    make_digests(good, 2);
    bad[2][0] = 3; /* a second wrong block of bob's */
    blame_add(&b, 5, from, bad, N);
    blame_add(&b, 6, from, bad, N);
    ck_assert(blame_has(&b, 5) && blame_has(&b, 6) && !blame_has(&b, 7));
    blame_settle(&b, 5, good, name, named);
    ck_assert_uint_eq(n_named, 1);
    ck_assert(addr_equal(&named[0], &bob));
    ck_assert(!blame_has(&b, 5) && blame_has(&b, 6));
    blame_settle(&b, 6, NULL, name, named); /* digests unknown: forgotten */
    ck_assert_uint_eq(n_named, 1);
    ck_assert_uint_eq(b.n_bytes, 0);
    blame_deinit(&b);
    blame_deinit(&b);
}
END_TEST

START_TEST(the_oldest_attempts_are_forgotten_when_memory_is_full)
{
    enum { BLOCKS = 2048 };
    struct addr *from = calloc(BLOCKS, sizeof *from);
    uint8_t(*digests)[SHA1_SIZE] = calloc(BLOCKS, SHA1_SIZE);
    struct blame b = BLAME_EMPTY;

    for (uint32_t piece = 0; piece < 200; piece++) {
        blame_add(&b, piece, from, digests, BLOCKS);
        ck_assert_uint_le(b.n_bytes, BLAME_BYTES_MAX);
    }
    ck_assert(blame_has(&b, 199) && !blame_has(&b, 0));
    blame_deinit(&b);
    free(from);
    free(digests);
}
END_TEST

RUN_SUITE("blame", 10, the_only_sender_is_found_immediately,
          the_sender_of_a_block_that_differs_is_named_once,
          the_oldest_attempts_are_forgotten_when_memory_is_full);
