/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdio.h>
#include <string.h>

#include "conjure/base/clock.h"
#include "conjure/tracker/tiers.h"

#define S NS_PER_S

static void check_order(const struct tiers *t, const char *const *urls, uint32_t n)
{
    ck_assert_uint_eq(t->n, n);
    for (uint32_t i = 0; i < n; i++)
        ck_assert_str_eq(t->trackers[i]->url, urls[i]);
}

START_TEST(unusable_urls_are_not_added)
{
    struct tiers t = TIERS_EMPTY;
    char long_url[ANNOUNCE_URL_MAX + 1];

    ck_assert_int_eq(tiers_add(&t, 0, "http://a/announce"), 0);
    ck_assert_int_eq(tiers_add(&t, 0, "HTTPS://a/announce"), 0);
    ck_assert_int_eq(tiers_add(&t, 0, "udp://a:1"), 0);
    ck_assert_int_eq(tiers_add(&t, 1, "udp://a:1"), TIERS_DUPLICATE);
    ck_assert_int_eq(tiers_add(&t, 0, "udp://a"), TIERS_UNUSABLE_URL);
    ck_assert_int_eq(tiers_add(&t, 0, "wss://a/"), TIERS_UNUSABLE_URL);
    ck_assert_int_eq(tiers_add(&t, 0, "dht"), TIERS_UNUSABLE_URL);
    ck_assert_int_eq(tiers_add(&t, 0, ""), TIERS_UNUSABLE_URL);
    memset(long_url, 'a', sizeof long_url);
    memcpy(long_url, "http://a/", 9);
    long_url[ANNOUNCE_URL_MAX] = 0;
    ck_assert_int_eq(tiers_add(&t, 0, long_url), TIERS_UNUSABLE_URL);
    long_url[ANNOUNCE_URL_MAX - 1] = 0;
    ck_assert_int_eq(tiers_add(&t, 0, long_url), 0);
    for (uint32_t i = 4; i < TIERS_TRACKERS_MAX; i++) {
        char url[32];

        snprintf(url, sizeof url, "http://a/%u", i);
        ck_assert_int_eq(tiers_add(&t, i, url), 0);
    }
    ck_assert_int_eq(tiers_add(&t, 300, "http://b/"), TIERS_FULL);
    tiers_deinit(&t);
    tiers_deinit(&t);
}
END_TEST

START_TEST(shuffled_within_their_tier)
{
    uint32_t n_first[3] = {0};
    struct rng rng;

    rng_seed(&rng, 1);
    for (int round = 0; round < 300; round++) {
        struct tiers t = TIERS_EMPTY;

        tiers_add(&t, 0, "http://a/");
        tiers_add(&t, 0, "http://b/");
        tiers_add(&t, 0, "http://c/");
        tiers_add(&t, 2, "http://d/");
        tiers_shuffle(&t, &rng);
        n_first[t.trackers[0]->url[7] - 'a']++;
        ck_assert_str_eq(t.trackers[3]->url, "http://d/");
        tiers_deinit(&t);
    }
    for (int i = 0; i < 3; i++)
        ck_assert_uint_gt(n_first[i], 70);
}
END_TEST

START_TEST(a_tracker_that_replies_moves_to_the_front_of_its_tier)
{
    struct tiers t = TIERS_EMPTY;

    tiers_add(&t, 0, "http://a/");
    tiers_add(&t, 1, "http://b/");
    tiers_add(&t, 1, "http://c/");
    tiers_add(&t, 1, "http://d/");
    tiers_succeeded(&t, t.trackers[2]);
    check_order(&t, (const char *[]){"http://a/", "http://c/", "http://b/", "http://d/"}, 4);
    tiers_succeeded(&t, t.trackers[3]);
    check_order(&t, (const char *[]){"http://a/", "http://d/", "http://c/", "http://b/"}, 4);
    tiers_succeeded(&t, t.trackers[0]);
    check_order(&t, (const char *[]){"http://a/", "http://d/", "http://c/", "http://b/"}, 4);
    tiers_deinit(&t);
}
END_TEST

START_TEST(the_back_off_doubles_up_to_half_an_hour)
{
    static const uint64_t holds[] = {15, 30, 60, 120, 240, 480, 960, 1800, 1800, 1800};
    struct tiers t = TIERS_EMPTY;
    uint64_t now = 1000 * S;

    ck_assert_uint_eq(tiers_next_at(&t), UINT64_MAX);
    ck_assert_ptr_null(tiers_pick(&t, now));
    tiers_add(&t, 0, "http://a/");
    for (int i = 0; i < 10; i++) {
        struct announce_tracker *a = tiers_pick(&t, now);

        ck_assert_ptr_nonnull(a);
        tiers_failed(a, 0, now);
        ck_assert_uint_eq(tiers_next_at(&t), now + holds[i] * S);
        ck_assert_ptr_null(tiers_pick(&t, now + holds[i] * S - 1));
        now += holds[i] * S;
    }
    tiers_succeeded(&t, t.trackers[0]);
    tiers_failed(t.trackers[0], 0, now);
    ck_assert_uint_eq(tiers_next_at(&t), now + 15 * S);
    /* BEP 31. */
    tiers_failed(t.trackers[0], 7200, now);
    ck_assert_uint_eq(tiers_next_at(&t), now + 7200 * S);
    tiers_failed(t.trackers[0], UINT32_MAX, now);
    ck_assert_uint_eq(tiers_next_at(&t), UINT64_MAX);
    tiers_deinit(&t);
}
END_TEST

RUN_SUITE("tiers", 10, unusable_urls_are_not_added, shuffled_within_their_tier,
          a_tracker_that_replies_moves_to_the_front_of_its_tier,
          the_back_off_doubles_up_to_half_an_hour);
