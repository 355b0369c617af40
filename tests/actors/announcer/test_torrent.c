/* SPDX-License-Identifier: MIT */
#include "one_torrent.h"

#include <stdio.h>

#include "conjure/base/log.h"

static unsigned n_warnings, n_infos;

static void count(enum log_level level, const char *facility, const char *text)
{
    n_warnings += level == LOG_LEVEL_WARNING;
    n_infos += level == LOG_LEVEL_INFO;
}

START_TEST(a_torrent_has_the_trackers_it_can_use)
{
    const char *urls[] = {"http://a/", "wss://b/", "udp://c:1"};
    struct announcer_torrent *t;

    log_set_sink(count);
    log_threshold = LOG_LEVEL_INFO;
    t = one_torrent(urls, 3);
    ck_assert_uint_eq(t->state.tiers.n, 2);
    ck_assert_str_eq(t->state.tiers.trackers[0]->url, "http://a/");
    ck_assert_str_eq(t->state.tiers.trackers[1]->url, "udp://c:1");
    ck_assert_uint_eq(n_infos, 1);
    ck_assert_uint_eq(t->state.left, 5);
    ck_assert_uint_eq(t->state.self.key, 7);
    ck_assert_uint_eq(t->state.self.port, 6881);
    announcer_torrent_free(t);
    tracker_list_deinit(&list);
}
END_TEST

START_TEST(superfluous_trackers_are_one_warning)
{
    const char *urls[TIERS_TRACKERS_MAX + 9];
    static char text[TIERS_TRACKERS_MAX + 9][32];
    struct announcer_torrent *t;

    log_set_sink(count);
    for (unsigned i = 0; i < TIERS_TRACKERS_MAX + 9; i++) {
        snprintf(text[i], sizeof text[i], "http://h%u/", i);
        urls[i] = text[i];
    }
    t = one_torrent(urls, TIERS_TRACKERS_MAX + 9);
    ck_assert_uint_eq(t->state.tiers.n, TIERS_TRACKERS_MAX);
    ck_assert_uint_eq(n_warnings, 1);
    announcer_torrent_free(t);
    tracker_list_deinit(&list);
}
END_TEST

RUN_SUITE("announcer's torrents", 10, a_torrent_has_the_trackers_it_can_use,
          superfluous_trackers_are_one_warning);
