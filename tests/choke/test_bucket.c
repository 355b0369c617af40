/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/clock.h"
#include "conjure/choke/bucket.h"

/* Askers that want more at once, for SECONDS; the bucket is looked at every STEP ns as Timer would.
 * Returns what was granted, GRANTED[i] to each. */
static uint64_t run_bucket(uint64_t rate, uint32_t n_askers, uint32_t wanted, uint64_t step,
                           unsigned seconds, uint64_t *granted, uint64_t *burstp)
{
    struct bucket b;
    uint64_t now = 77 * NS_PER_S, end = now + seconds * NS_PER_S, sum = 0;
    int ids[64];

    bucket_init(&b, rate, now);
    *burstp = 0;
    for (uint32_t i = 0; i < n_askers; i++) {
        granted[i] = 0;
        bucket_ask(&b, &ids[i], wanted);
    }
    for (; now <= end; now += step) {
        uint64_t at_once = 0;
        uint32_t n;
        void *user;

        while (bucket_next_grant(&b, now, &user, &n)) {
            uint32_t i = (uint32_t)((int *)user - ids);

            ck_assert_uint_ge(n, 1);
            ck_assert_uint_le(n, wanted);
            granted[i] += n;
            sum += n;
            at_once += n;
            bucket_ask(&b, user, wanted);
        }
        *burstp = at_once > *burstp ? at_once : *burstp;
        ck_assert_uint_gt(bucket_wait_ns(&b), 0);
        ck_assert_uint_ne(bucket_wait_ns(&b), UINT64_MAX);
    }
    bucket_deinit(&b);
    bucket_deinit(&b);
    return sum;
}

START_TEST(limits_hold_within_three_percent_over_ten_seconds)
{
    static const uint64_t rates[] = {20 << 10, 100 << 10, 1 << 20, 4 << 20, 100 << 20, 1 << 30};
    uint64_t granted[64], burst;

    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        for (uint32_t n = 1; n <= 64; n *= 4) {
            uint64_t sum = run_bucket(rates[i], n, 1 << 20, 5 * NS_PER_MS, 10, granted, &burst);
            double share = (double)sum / (double)n;

            ck_assert_double_le((double)sum, (double)rates[i] * 10 * 1.03);
            ck_assert_double_ge((double)sum, (double)rates[i] * 10 * 0.97);
            /* A twentieth of a second and what came in a step. */
            ck_assert_uint_le(burst, rates[i] / 8 + BUCKET_SLICE_MIN);
            for (uint32_t k = 0; k < n; k++)
                ck_assert_double_le((double)granted[k] - share,
                                    (double)rates[i] / 10 + BUCKET_SLICE_MIN);
        }
    }
}
END_TEST

START_TEST(savings_are_a_tenth_of_a_second)
{
    struct bucket b;
    uint64_t sum = 0;
    uint32_t n;
    void *user;
    int id;

    bucket_init(&b, 1000000, 0);
    ck_assert_uint_eq(bucket_wait_ns(&b), UINT64_MAX);
    bucket_ask(&b, &id, 500);
    ck_assert(!bucket_next_grant(&b, 0, &user, &n)); /* it starts empty */
    ck_assert_uint_le(bucket_wait_ns(&b), 501 * NS_PER_US);
    while (bucket_next_grant(&b, 3600 * NS_PER_S, &user, &n)) {
        ck_assert_ptr_eq(user, &id);
        sum += n;
        bucket_ask(&b, &id, 500);
    }
    ck_assert_uint_eq(sum, 100000);
    bucket_deinit(&b);
}
END_TEST

START_TEST(askers_are_served_in_turn)
{
    struct bucket b;
    uint32_t n;
    void *user;
    int ids[40];

    bucket_init(&b, 1 << 20, 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 40; i++)
            bucket_ask(&b, &ids[i], 16384);
        for (int i = 0; i < 40; i++) {
            ck_assert(bucket_next_grant(&b, (uint64_t)(round * 40 + i + 1) * NS_PER_S, &user, &n));
            ck_assert_ptr_eq(user, &ids[i]);
        }
    }
    ck_assert(!bucket_next_grant(&b, 1000 * NS_PER_S, &user, &n));
    bucket_deinit(&b);
}
END_TEST

START_TEST(no_limit_grants_all_at_once)
{
    struct bucket b;
    uint32_t n;
    void *user;
    int id;

    bucket_init(&b, 1000, 5);
    bucket_ask(&b, &id, 1 << 30);
    ck_assert(!bucket_next_grant(&b, 5, &user, &n));
    bucket_set_rate(&b, 0, 5);
    ck_assert_uint_eq(bucket_wait_ns(&b), 0);
    ck_assert(bucket_next_grant(&b, 5, &user, &n));
    ck_assert_uint_eq(n, 1 << 30);
    bucket_deinit(&b);
}
END_TEST

static bool is_same(const void *user, const void *arg)
{
    return user == arg;
}

START_TEST(who_withdraws_is_passed_over)
{
    struct bucket b;
    char askers[7];
    uint32_t n_granted;
    void *user;

    bucket_init(&b, 1000, 0);
    for (unsigned left = 0; left < 7; left++) {
        for (unsigned i = 0; i < 7; i++)
            bucket_ask(&b, &askers[i], 1);
        ck_assert(bucket_withdraw(&b, is_same, &askers[left], &user));
        ck_assert_ptr_eq(user, &askers[left]);
        ck_assert(!bucket_withdraw(&b, is_same, &askers[left], &user));
        for (unsigned i = 0; i < 7; i++) {
            if (i == left)
                continue;
            ck_assert(bucket_next_grant(&b, (left + 1) * UINT64_C(1000000000), &user, &n_granted));
            ck_assert_ptr_eq(user, &askers[i]);
        }
    }
    bucket_deinit(&b);
}
END_TEST

RUN_SUITE("Token buckets", 20, limits_hold_within_three_percent_over_ten_seconds,
          savings_are_a_tenth_of_a_second, askers_are_served_in_turn, no_limit_grants_all_at_once,
          who_withdraws_is_passed_over);
