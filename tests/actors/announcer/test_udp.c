/* SPDX-License-Identifier: MIT */
#include "world.h"

static void check_udp(const char *host)
{
    struct server s = {0};
    struct world w = {0};
    struct master_tracker_says says;
    char url[64];

    server_open(&s, SOCK_DGRAM, serve_udp);
    snprintf(url, sizeof url, "udp://%s:%u/announce", host, s.port);
    world_open(&w, url, NULL);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert_msg(says.ok, "%s", says.text);
    ck_assert_uint_eq(says.n_seeders, 3);
    check_peer(&w, "10.1.2.3:6881");
    world_complete_torrent(&w);
    world_stop_torrent(&w);
    ck_assert_str_eq(server_request(&s, 0), "action 0 event 0");
    ck_assert_str_eq(server_request(&s, 1), "action 1 event 2");
    /* The connection id is still valid: no second connect. */
    ck_assert_str_eq(server_request(&s, 2), "action 1 event 1");
    ck_assert_str_eq(server_request(&s, 3), "action 1 event 3");
    world_close(&w);
    server_close(&s);
}

START_TEST(a_torrent_announces_from_started_to_stopped)
{
    check_udp("127.0.0.1");
}
END_TEST

START_TEST(a_host_name_is_resolved)
{
    check_udp("localhost");
}
END_TEST

START_TEST(a_refusal_and_a_silent_tracker)
{
    struct server s = {.error_udp = true}, t = {.silent_udp = true};
    struct announcer_options options = {.stop_timeout_ms = 100};
    struct world w = {0};
    struct master_tracker_says says;
    char urls[128];

    server_open(&s, SOCK_DGRAM, serve_udp);
    server_open(&t, SOCK_DGRAM, serve_udp);
    snprintf(urls, sizeof urls, "udp://127.0.0.1:%u;udp://127.0.0.1:%u", s.port, t.port);
    world_open(&w, urls, &options);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert(!says.ok);
    ck_assert_str_eq(says.text, "127.0.0.1: go away");
    server_request(&t, 0);
    world_stop_torrent(&w);
    world_close(&w);
    server_close(&s);
    server_close(&t);
}
END_TEST

RUN_SUITE("announcer over UDP", 30, a_torrent_announces_from_started_to_stopped,
          a_host_name_is_resolved, a_refusal_and_a_silent_tracker);
