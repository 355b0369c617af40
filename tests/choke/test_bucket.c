/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/clock.h"
#include "conjure/choke/bucket.h"

#define RATE UINT64_C(1000000)

START_TEST(tokens_come_at_the_rate)
{
    struct bucket b = BUCKET_EMPTY;

    bucket_set_rate(&b, RATE, 5 * NS_PER_S);
    ck_assert(bucket_has(&b, 0));
    ck_assert(!bucket_has(&b, 1)); /* it starts empty */
    ck_assert_uint_eq(bucket_ready_ns(&b, 500), 5 * NS_PER_S + 500 * NS_PER_US + 1);
    bucket_fill(&b, 5 * NS_PER_S + 500 * NS_PER_US + 1);
    ck_assert(bucket_has(&b, 500));
    ck_assert(!bucket_has(&b, 501));
    bucket_take(&b, 500);
    ck_assert(!bucket_has(&b, 1));
    bucket_fill(&b, 5 * NS_PER_S); /* time does not run backwards */
    ck_assert(!bucket_has(&b, 1));
    for (unsigned i = 0; i < 1000; i++) /* small steps lose nothing */
        bucket_fill(&b, 5 * NS_PER_S + 500 * NS_PER_US + 1 + i * 1500);
    ck_assert(bucket_has(&b, 1498));
    ck_assert(!bucket_has(&b, 1500));
}
END_TEST

START_TEST(kept_tokens_are_bounded)
{
    struct bucket b = BUCKET_EMPTY;

    bucket_set_rate(&b, RATE, 0);
    bucket_fill(&b, 3600 * NS_PER_S);
    ck_assert(bucket_has(&b, 100000 + BUCKET_CHUNK));
    ck_assert(!bucket_has(&b, 100001 + BUCKET_CHUNK));
    bucket_rest(&b);
    ck_assert(bucket_has(&b, 25000 + BUCKET_CHUNK));
    ck_assert(!bucket_has(&b, 25001 + BUCKET_CHUNK));
    /* In use it keeps more. */
    bucket_take(&b, 1);
    bucket_fill(&b, 3600 * NS_PER_S + 90 * NS_PER_MS);
    bucket_rest(&b);
    ck_assert(bucket_has(&b, 100000 + BUCKET_CHUNK));
    bucket_fill(&b, 3600 * NS_PER_S + 101 * NS_PER_MS);
    bucket_rest(&b);
    ck_assert(!bucket_has(&b, 25001 + BUCKET_CHUNK));
    bucket_give_back(&b, 1 << 30);
    ck_assert(bucket_has(&b, 100000 + BUCKET_CHUNK));
    ck_assert(!bucket_has(&b, 100001 + BUCKET_CHUNK));
    /* A lower rate cuts the kept tokens. */
    bucket_set_rate(&b, RATE / 10, 3600 * NS_PER_S);
    ck_assert(bucket_has(&b, 10000 + BUCKET_CHUNK));
    ck_assert(!bucket_has(&b, 10001 + BUCKET_CHUNK));
    /* The slowest bucket keeps a chunk as well: a request may need one. */
    bucket_take(&b, 10000 + BUCKET_CHUNK);
    bucket_set_rate(&b, 1, 3600 * NS_PER_S);
    bucket_fill(&b, 3601 * NS_PER_S + BUCKET_CHUNK * NS_PER_S);
    bucket_rest(&b);
    ck_assert(bucket_has(&b, BUCKET_CHUNK));
}
END_TEST

START_TEST(a_bucket_without_a_rate_always_has_enough)
{
    struct bucket b = BUCKET_EMPTY;

    ck_assert(bucket_has(&b, UINT32_MAX));
    bucket_take(&b, UINT32_MAX);
    ck_assert(bucket_has(&b, UINT32_MAX));
    bucket_give_back(&b, UINT32_MAX);
    bucket_set_rate(&b, RATE, NS_PER_S);
    ck_assert(!bucket_has(&b, 1)); /* tokens from before do not count */
    bucket_fill(&b, 2 * NS_PER_S);
    ck_assert(bucket_has(&b, 100000));
    bucket_set_rate(&b, 0, 2 * NS_PER_S);
    ck_assert(bucket_has(&b, UINT32_MAX));
    ck_assert_uint_eq(bucket_ready_ns(&b, UINT32_MAX), 2 * NS_PER_S);
}
END_TEST

RUN_SUITE("Token buckets", 5, tokens_come_at_the_rate, kept_tokens_are_bounded,
          a_bucket_without_a_rate_always_has_enough);
