/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/torrent/tracker_list.h"

static void add(struct tracker_list *l, const char *url)
{
    ck_assert_int_eq(tracker_list_add(l, url, strlen(url)), 0);
}

START_TEST(tiers_keep_their_order)
{
    struct tracker_list l = TRACKER_LIST_EMPTY;

    add(&l, "http://a"); /* without begin_tier: the first tier */
    add(&l, "udp://b");
    tracker_list_begin_tier(&l);
    tracker_list_begin_tier(&l); /* a tier without a tracker does not count */
    add(&l, "http://c");
    ck_assert_uint_eq(tracker_list_n_tiers(&l), 2);
    ck_assert_uint_eq(tracker_list_n_in_tier(&l, 0), 2);
    ck_assert_uint_eq(tracker_list_n_in_tier(&l, 1), 1);
    ck_assert_str_eq(tracker_list_url(&l, 0, 0), "http://a");
    ck_assert_str_eq(tracker_list_url(&l, 0, 1), "udp://b");
    ck_assert_str_eq(tracker_list_url(&l, 1, 0), "http://c");
    tracker_list_deinit(&l);
    tracker_list_deinit(&l);
    ck_assert_uint_eq(tracker_list_n_tiers(&l), 0);
}
END_TEST

START_TEST(text_that_is_not_a_url_is_skipped)
{
    static char long_url[TRACKER_URL_MAX + 2];
    struct tracker_list l = TRACKER_LIST_EMPTY;

    memset(long_url, 'x', sizeof long_url - 1);
    add(&l, "");
    add(&l, "http://a b");
    add(&l, "http://\x01");
    add(&l, "http://\xc3\xa4");
    add(&l, long_url);
    ck_assert_uint_eq(tracker_list_n_tiers(&l), 0);
    long_url[TRACKER_URL_MAX] = 0;
    add(&l, long_url);
    ck_assert_uint_eq(tracker_list_n_in_tier(&l, 0), 1);
    tracker_list_deinit(&l);
}
END_TEST

START_TEST(a_full_list_takes_no_more)
{
    struct tracker_list l = TRACKER_LIST_EMPTY;

    for (unsigned i = 0; i < TRACKER_LIST_MAX + 5; i++) {
        tracker_list_begin_tier(&l);
        add(&l, "udp://x:1");
    }
    ck_assert_uint_eq(tracker_list_n_tiers(&l), TRACKER_LIST_MAX);
    ck_assert_uint_eq(tracker_list_n_in_tier(&l, TRACKER_LIST_MAX - 1), 1);
    tracker_list_deinit(&l);
}
END_TEST

RUN_SUITE("tracker list", 10, tiers_keep_their_order, text_that_is_not_a_url_is_skipped,
          a_full_list_takes_no_more);
