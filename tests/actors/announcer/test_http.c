/* SPDX-License-Identifier: MIT */
#include "world.h"

START_TEST(a_torrent_announces_from_started_to_stopped)
{
    static const char *const replies[] = {GOOD};
    struct server s = {.replies = replies, .n_replies = 1};
    struct world w = {0};
    struct master_tracker_says says;
    char url[64];
    const char *request;

    server_open(&s, SOCK_STREAM, serve_http);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/announce", s.port);
    world_open(&w, url, NULL);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert(says.ok);
    ck_assert_uint_eq(says.n_seeders, 7);
    ck_assert_uint_eq(says.n_peers, 1);
    ck_assert_str_eq(says.text, "");
    check_peer(&w, "10.1.2.3:6881");
    request = server_request(&s, 0);
    ck_assert_ptr_nonnull(strstr(request, "GET /announce?info_hash="));
    ck_assert_ptr_nonnull(strstr(request, "&peer_id=-CJ0100-abcdefghijkl&port=6881&"));
    ck_assert_ptr_nonnull(strstr(request, "&left=5&"));
    ck_assert_ptr_nonnull(strstr(request, "&event=started "));
    ck_assert_ptr_nonnull(strstr(request, "User-Agent: Conjure/"));
    /* A client that stops as soon as it is complete. */
    world_complete_torrent(&w);
    world_stop_torrent(&w);
    ck_assert_ptr_nonnull(strstr(server_request(&s, 1), "&event=completed "));
    ck_assert_ptr_nonnull(strstr(server_request(&s, 1), "&left=0&"));
    ck_assert_ptr_nonnull(strstr(server_request(&s, 2), "&event=stopped "));
    ck_assert_uint_eq(s.n_requests, 3);
    world_close(&w);
    server_close(&s);
}
END_TEST

/* A tracker replies with REPLY: Master receives a failure with TEXT. */
static void check_failure(const char *reply, const char *text)
{
    const char *const replies[] = {reply};
    struct server s = {.replies = replies, .n_replies = 1};
    struct world w = {0};
    struct master_tracker_says says;
    struct announcer_options options = {.total_timeout_ms = 300, .stop_timeout_ms = 300};
    char url[64];

    server_open(&s, SOCK_STREAM, serve_http);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/announce", s.port);
    world_open(&w, url, &options);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert(!says.ok);
    ck_assert_msg(!strncmp(says.text, "127.0.0.1: ", 11) && strstr(says.text, text),
                  "%s does not contain %s", says.text, text);
    ck_assert_ptr_null(channel_receive(&w.lobby.channel));
    world_stop_torrent(&w);
    /* The tracker did not accept `started`, so it does not get `stopped`. */
    ck_assert(s.n_requests == 1 || strstr(reply, "Location"));
    world_close(&w);
    server_close(&s);
}

START_TEST(failures_are_reported)
{
    check_failure(OK_HEAD "d14:failure reason7:go awaye", "go away");
    check_failure("HTTP/1.1 403 No\r\n\r\nd14:failure reason6:bannede", "banned");
    check_failure("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "HTTP status 404");
    check_failure(OK_HEAD "<html>", "cannot be decoded");
    check_failure(OK_HEAD "d5:peersi5ee", "malformed");
    check_failure(OK_HEAD, "empty reply");
    check_failure(flood, "longer than 1048576");
    check_failure("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "longer than");
    check_failure(
        "HTTP/1.1 302 x\r\nConnection: close\r\nLocation: /announce\r\nContent-Length: 0\r\n\r\n",
        "redirects");
    check_failure("HTTP/1.1 302 x\r\nConnection: close\r\nLocation: file:///etc/passwd\r\n\r\n",
                  "rotocol");
    check_failure("nonsense\r\n\r\n", "HTTP/0.9");
}
END_TEST

START_TEST(redirects_are_followed_and_warnings_reported)
{
    static const char *const replies[] = {
        "HTTP/1.1 301 x\r\nLocation: /other?a=1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        OK_HEAD "d8:intervali60e5:peersld2:ip9:10.9.8.7x4:porti80eed2:ip8:10.9.8.74:porti80eee15:"
                "warning message4:olode",
    };
    struct server s = {.replies = replies, .n_replies = 2};
    struct world w = {0};
    struct master_tracker_says says;
    char url[64];

    server_open(&s, SOCK_STREAM, serve_http);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/announce", s.port);
    world_open(&w, url, NULL);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert(says.ok);
    ck_assert_str_eq(says.text, "127.0.0.1: olod");
    check_peer(&w, "10.9.8.7:80");
    world_stop_torrent(&w);
    world_close(&w);
    server_close(&s);
}
END_TEST

START_TEST(a_hanging_tracker_times_out)
{
    static const char *const hang[] = {NULL};
    static const char *const then_hang[] = {GOOD, NULL};
    struct server s = {.replies = hang, .n_replies = 1}, t = {.replies = then_hang, .n_replies = 2};
    struct announcer_options options = {.total_timeout_ms = 200, .stop_timeout_ms = 200};
    struct world w = {0};
    struct master_tracker_says says;
    char urls[128];
    uint64_t began;

    server_open(&s, SOCK_STREAM, serve_http);
    server_open(&t, SOCK_STREAM, serve_http);
    snprintf(urls, sizeof urls, "http://127.0.0.1:%u/a;wss://127.0.0.1/x;http://localhost:%u/b",
             s.port, t.port);
    world_open(&w, urls, &options);
    world_start_torrent(&w);
    says = world_says(&w);
    ck_assert(!says.ok);
    ck_assert_msg(strstr(says.text, "timed out") != NULL, "%s", says.text);
    /* BEP 12: the next tier, at once. */
    ck_assert(world_says(&w).ok);
    began = clock_now();
    world_stop_torrent(&w);
    ck_assert_uint_lt(clock_now() - began, 3 * NS_PER_S);
    world_close(&w);
    server_close(&s);
    server_close(&t);
}
END_TEST

RUN_SUITE("announcer over HTTP", 30, a_torrent_announces_from_started_to_stopped,
          failures_are_reported, redirects_are_followed_and_warnings_reported,
          a_hanging_tracker_times_out);
