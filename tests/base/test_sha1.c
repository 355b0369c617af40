/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdbool.h>
#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/base/rng.h"
#include "conjure/base/sha1.h"

static uint8_t content[1 << 20];

static void fill(struct rng *rng)
{
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)rng_next(rng);
}

START_TEST(one_buffer_has_the_known_digest)
{
    uint8_t digest[SHA1_SIZE];
    char text[2 * SHA1_SIZE + 1];

    sha1("abc", 3, digest);
    ck_assert_str_eq(hex_encode(digest, SHA1_SIZE, text),
                     "a9993e364706816aba3e25717850c26c9cd0d89d");
}
END_TEST

/* N_LANES streams of N bytes at random places, fed in random multiples of 64 bytes. */
static void check_streams(struct rng *rng, struct sha1_streams *x, unsigned n_lanes, size_t n)
{
    const uint8_t *start[SHA1_LANES_MAX], *lanes[SHA1_LANES_MAX];
    uint8_t digests[SHA1_LANES_MAX][SHA1_SIZE], expected[SHA1_SIZE];
    size_t at = 0;

    for (unsigned i = 0; i < n_lanes; i++)
        start[i] = content + rng_below(rng, (uint32_t)(sizeof content - n) + 1);
    sha1_streams_init(x, n_lanes);
    while (n - at >= 64 && rng_below(rng, 4)) {
        size_t part = 64 * (1 + rng_below(rng, (uint32_t)((n - at) / 64)));

        for (unsigned i = 0; i < n_lanes; i++)
            lanes[i] = start[i] + at;
        sha1_streams_update(x, lanes, n_lanes, part);
        at += part;
    }
    for (unsigned i = 0; i < n_lanes; i++)
        lanes[i] = start[i] + at;
    sha1_streams_finish(x, lanes, n_lanes, n - at, digests);
    for (unsigned i = 0; i < n_lanes; i++) {
        sha1(start[i], n, expected);
        ck_assert_mem_eq(digests[i], expected, SHA1_SIZE);
    }
}

/* False: this CPU cannot. */
static bool check_kind(enum sha1_kind kind)
{
    struct sha1_streams x = SHA1_STREAMS_EMPTY;
    struct rng rng;

    rng_seed(&rng, 7);
    fill(&rng);
    if (sha1_force_kind(kind))
        return false;
    for (size_t n = 0; n <= 260; n++)
        check_streams(&rng, &x, 1 + rng_below(&rng, SHA1_LANES_MAX), n);
    for (unsigned n_lanes = 1; n_lanes <= SHA1_LANES_MAX; n_lanes++)
        for (unsigned round = 0; round < 20; round++)
            check_streams(&rng, &x, n_lanes, rng_below(&rng, 40000));
    sha1_streams_deinit(&x);
    sha1_streams_deinit(&x);
    sha1_unforce_kind();
    return true;
}

START_TEST(sixteen_lanes_agree_with_libcrypto)
{
    if (!check_kind(SHA1_AVX512))
        SKIP("the CPU has no AVX-512");
}
END_TEST

START_TEST(eight_lanes_agree_with_libcrypto)
{
    if (!check_kind(SHA1_AVX2))
        SKIP("the CPU has no AVX2");
}
END_TEST

START_TEST(streams_through_libcrypto_agree_with_one_buffer)
{
    ck_assert(check_kind(SHA1_LIBCRYPTO));
}
END_TEST

START_TEST(the_chosen_kind_serves_every_number_of_lanes)
{
    struct sha1_streams x = SHA1_STREAMS_EMPTY;
    struct rng rng;

    rng_seed(&rng, 8);
    fill(&rng);
    ck_assert_uint_ge(sha1_lanes(), 1);
    ck_assert_uint_le(sha1_lanes(), SHA1_LANES_MAX);
    for (unsigned i = 0; i < 200; i++)
        check_streams(&rng, &x, 1 + rng_below(&rng, SHA1_LANES_MAX), rng_below(&rng, 5000));
    sha1_streams_deinit(&x);
}
END_TEST

RUN_SUITE("sha1", 60, one_buffer_has_the_known_digest, sixteen_lanes_agree_with_libcrypto,
          eight_lanes_agree_with_libcrypto, streams_through_libcrypto_agree_with_one_buffer,
          the_chosen_kind_serves_every_number_of_lanes);
