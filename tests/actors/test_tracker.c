/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conjure/actors/timer.h"
#include "conjure/actors/tracker.h"
#include "conjure/base/bytes.h"
#include "conjure/base/clock.h"

#define TEST_TABLE(INFO, QUERY, REPLY) REPLY(test, timer, shutdown)
MSG_INBOX(test, TEST_TABLE);

struct world {
    struct timer *timer;
    struct tracker *tracker;
};

/* Returns 0 or errno. */
static int world_open(struct world *w, const char *bind, uint16_t port)
{
    struct tracker_options options = {.interval_s = 60};

    if (bind)
        ck_assert_int_eq(addr_parse_ip(bind, port, &options.bind), 0);
    w->timer = timer_start();
    w->tracker = tracker_start(timer_inbox(w->timer), &options);
    return w->tracker ? 0 : errno;
}

static void world_close(struct world *w)
{
    struct timer_shutdown shutdown;
    struct test_inbox inbox;
    struct waker waker;

    waker_init_futex(&waker);
    channel_init(&inbox.channel, &waker);
    timer_init_shutdown(&shutdown);
    ck_assert(test_ask_timer_shutdown(&inbox, timer_inbox(w->timer), &shutdown));
    while (!channel_receive_wait(&inbox.channel, 10 * NS_PER_S))
        ;
    if (w->tracker)
        tracker_tell_or_drop_shutdown(tracker_inbox(w->tracker), tracker_new_shutdown());
    tracker_join(w->tracker);
    timer_join(w->timer);
}

static int dial(const char *ip, uint16_t port, int type)
{
    struct sockaddr_storage sa;
    struct addr a;
    socklen_t n;
    int fd;

    ck_assert_int_eq(addr_parse_ip(ip, port, &a), 0);
    n = addr_to_sockaddr(&a, &sa);
    fd = socket(a.family, type, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, n), 0);
    return fd;
}

/* Sends TEXT over HTTP and returns the whole reply. */
static const char *talk(const char *ip, uint16_t port, const char *text)
{
    static char answer[65536];
    int fd = dial(ip, port, SOCK_STREAM);
    size_t n = 0;
    ssize_t r;

    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    while ((r = recv(fd, answer + n, sizeof answer - 1 - n, 0)) > 0)
        n += (size_t)r;
    answer[n] = 0;
    close(fd);
    return answer;
}

static const char *get(const char *ip, uint16_t port, const char *uri)
{
    char text[1024];

    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", uri);
    return talk(ip, port, text);
}

#define ASK "/announce?info_hash=aaaaaaaaaaaaaaaaaaa%20&peer_id=bbbbbbbbbbbbbbbbbbbb&compact=0"

static void check_udp(const char *ip, uint16_t port)
{
    int fd = dial(ip, port, SOCK_DGRAM);
    uint8_t packet[98] = {0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, [15] = 9}, answer[1500];

    ck_assert_int_eq(send(fd, packet, 16, 0), 16);
    ck_assert_int_eq(recv(fd, answer, sizeof answer, 0), 16);
    ck_assert(!memcmp(answer, "\0\0\0\0\0\0\0\x09", 8));
    memcpy(packet, answer + 8, 8);
    packet[11] = 1;
    packet[15] = 10;
    memcpy(packet + 16, "aaaaaaaaaaaaaaaaaaa ", 20);
    memset(packet + 36, 'c', 20);
    packet[71] = 1;
    packet[95] = 50;
    put_be16(packet + 96, 2000);
    ck_assert_int_eq(send(fd, packet, 98, 0), 98);
    ck_assert_int_ge(recv(fd, answer, sizeof answer, 0), 20);
    ck_assert(!memcmp(answer, "\0\0\0\1\0\0\0\x0a\0\0\0\x3c", 12));
    close(fd);
}

START_TEST(http_and_udp_share_a_swarm)
{
    struct world w = {0};
    const char *answer;
    uint16_t port;

    ck_assert_int_eq(world_open(&w, "127.0.0.1", 0), 0);
    port = tracker_port(w.tracker);
    answer = get("127.0.0.1", port, ASK "&port=1000&left=0");
    ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 200"));
    ck_assert_ptr_nonnull(strstr(answer, "d8:completei1e10:downloadedi0e10:incompletei0e"));
    check_udp("127.0.0.1", port);
    answer = get("127.0.0.1", port, ASK "&port=1001&left=1");
    ck_assert_ptr_nonnull(strstr(answer, "d8:completei1e10:downloadedi0e10:incompletei2e"));
    ck_assert_ptr_nonnull(strstr(answer, "2:ip9:127.0.0.1"));
    ck_assert_ptr_nonnull(strstr(answer, "porti1000e"));
    ck_assert_ptr_nonnull(strstr(answer, "porti2000e"));
    ck_assert_ptr_nonnull(strstr(get("127.0.0.1", port, "/"), "HTTP/1.1 404"));
    ck_assert_ptr_nonnull(strstr(talk("127.0.0.1", port,
                                      "POST /announce HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                                      "Connection: close\r\n\r\nx"),
                                 "HTTP/1.1 405"));
    world_close(&w);
}
END_TEST

START_TEST(both_families_on_one_port)
{
    struct world w = {0};
    uint16_t port;
    int r = world_open(&w, NULL, 0);

    /* Port 0 on all addresses. */
    ck_assert_int_eq(r, 0);
    port = tracker_port(w.tracker);
    ck_assert_ptr_nonnull(strstr(get("127.0.0.1", port, ASK "&port=1000&left=0"), "200 OK"));
    ck_assert_ptr_nonnull(strstr(get("::1", port, ASK "&port=1001&left=1"), "2:ip9:127.0.0.1"));
    check_udp("127.0.0.1", port);
    check_udp("::1", port);
    world_close(&w);
}
END_TEST

START_TEST(malformed_requests_do_no_harm)
{
    struct world w = {0};
    static char many[40000];
    uint16_t port;

    ck_assert_int_eq(world_open(&w, "127.0.0.1", 0), 0);
    port = tracker_port(w.tracker);
    talk("127.0.0.1", port, "rubbish\r\n\r\n");
    memset(many, 'x', sizeof many - 1);
    memcpy(many, "GET /announce?", 14);
    memcpy(many + sizeof many - 5, "\r\n\r\n", 4);
    close(dial("127.0.0.1", port, SOCK_STREAM));
    {
        int fd = dial("127.0.0.1", port, SOCK_STREAM);
        char answer[64];

        send(fd, many, sizeof many - 1, MSG_NOSIGNAL);
        while (recv(fd, answer, sizeof answer, 0) > 0)
            ;
        close(fd);
        fd = dial("127.0.0.1", port, SOCK_DGRAM);
        for (size_t n = 0; n < 200; n++)
            send(fd, many, n, MSG_NOSIGNAL);
        close(fd);
    }
    check_udp("127.0.0.1", port);
    ck_assert_ptr_nonnull(strstr(get("127.0.0.1", port, ASK "&port=1&left=1"), "200 OK"));
    world_close(&w);
}
END_TEST

START_TEST(a_taken_port_is_reported)
{
    struct world w = {0}, other = {0};

    ck_assert_int_eq(world_open(&w, "127.0.0.1", 0), 0);
    ck_assert_int_eq(world_open(&other, "127.0.0.1", tracker_port(w.tracker)), EADDRINUSE);
    world_close(&other);
    world_close(&w);
}
END_TEST

RUN_SUITE("tracker", 20, http_and_udp_share_a_swarm, both_families_on_one_port,
          malformed_requests_do_no_harm, a_taken_port_is_reported);
