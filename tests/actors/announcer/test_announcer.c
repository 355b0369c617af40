/* SPDX-License-Identifier: MIT */
#include "world.h"

START_TEST(stop_cuts_off_an_announce_under_way)
{
    static const char *const hang[] = {NULL};
    struct server s = {.replies = hang, .n_replies = 1};
    struct announcer_options options = {.stop_timeout_ms = 100};
    struct world w = {0};
    char url[64];

    server_open(&s, SOCK_STREAM, serve_http);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/announce", s.port);
    world_open(&w, url, &options);
    world_start_torrent(&w);
    server_request(&s, 0);
    world_stop_torrent(&w);
    ck_assert_ptr_nonnull(strstr(server_request(&s, 1), "event=stopped"));
    world_close(&w);
    server_close(&s);
}
END_TEST

START_TEST(every_tracker_is_tried_when_none_can_be_reached)
{
    struct world w = {0};
    struct master_tracker_says says;

    /* Port 1 of loopback refuses both protocols; the third name is no host. */
    world_open(&w,
               "udp://127.0.0.1:1;http://127.0.0.1:1/;udp://no-such-host.invalid:1/;udp://[::1]:1",
               NULL);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert(!says.ok);
    ck_assert_str_eq(says.text, "127.0.0.1: Connection refused");
    says = world_says(&w);
    ck_assert(!says.ok && strstr(says.text, "127.0.0.1: Failed to connect"));
    says = world_says(&w);
    ck_assert(!says.ok && strstr(says.text, "no-such-host.invalid: Could not resolve"));
    says = world_says(&w);
    ck_assert(!says.ok && strstr(says.text, "::1: "));
    world_stop_torrent(&w);
    world_close(&w);
}
END_TEST

RUN_SUITE("announcer", 30, stop_cuts_off_an_announce_under_way,
          every_tracker_is_tried_when_none_can_be_reached);
