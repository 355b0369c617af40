/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdio.h>
#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/base/clock.h"
#include "conjure/tracker/http.h"
#include "conjure/tracker/serve.h"
#include "conjure/tracker/udp.h"

#define S    NS_PER_S
#define HASH "aaaaaaaaaaaaaaaaaaa%00"
#define PEER "&peer_id=-XX0000-abcdefghijkl"

static struct tracker_service service;
static uint8_t body[65536];
static size_t n_body;

static void open_service(void)
{
    uint8_t secret[32] = "secret";

    tracker_service_init(&service, 120, 1, secret);
}

static int get(const char *uri, const char *from)
{
    struct bencode_writer w = BENCODE_WRITER_EMPTY;
    struct addr a;
    int status;

    ck_assert_int_eq(addr_parse(from, &a), 0);
    status = tracker_serve_http(&service, uri, &a, 0, &w);
    ck_assert_int_eq(bencode_writer_finish(&w), 0);
    ck_assert_uint_lt(w.n, sizeof body);
    if (w.n)
        memcpy(body, w.bytes, w.n);
    n_body = w.n;
    bencode_writer_deinit(&w);
    return status;
}

static void check_body(const char *expected, size_t n)
{
    ck_assert_msg(n == n_body && !memcmp(body, expected, n), "body is %.*s", (int)n_body, body);
}
#define CHECK_GET(uri, from, literal)            \
    do {                                         \
        ck_assert_int_eq(get(uri, from), 200);   \
        check_body(literal, sizeof literal - 1); \
    } while (0)
#define TAIL "8:intervali120e12:min intervali60e"

START_TEST(http_announces)
{
    open_service();
    CHECK_GET("/announce?info_hash=" HASH PEER "&port=1000&left=0&event=started", "10.0.0.1:5",
              "d8:completei1e10:downloadedi0e10:incompletei0e" TAIL "5:peers0:e");
    CHECK_GET("/announce?compact=1&info_hash=" HASH PEER "&port=1001&left=9", "[2001:db8::1]:5",
              "d8:completei1e10:downloadedi0e10:incompletei1e" TAIL
              "5:peers6:\x0a\x00\x00\x01\x03\xe8"
              "e");
    CHECK_GET("/announce?compact=0&no_peer_id=1&info_hash=" HASH PEER "&port=1002&left=9",
              "10.0.0.2:5",
              "d8:completei1e10:downloadedi0e10:incompletei2e" TAIL
              "5:peersld2:ip11:2001:db8::14:porti1001eed2:ip8:10.0.0.14:porti1000eeee");
    CHECK_GET("/announce?compact=0&numwant=1&info_hash=" HASH PEER "&port=1001&left=0"
              "&event=completed",
              "[2001:db8::1]:5",
              "d8:completei2e10:downloadedi1e10:incompletei1e" TAIL
              "5:peersld2:ip8:10.0.0.27:peer id20:-XX0000-abcdefghijkl4:porti1002eeee");
    CHECK_GET("/announce?info_hash=" HASH PEER "&port=1002&left=9&event=stopped", "10.0.0.2:9",
              "d8:completei2e10:downloadedi1e10:incompletei0e" TAIL "5:peers0:e");
    CHECK_GET("/announce?info_hash=" HASH PEER "&port=1002&left=9&numwant=-1", "10.0.0.2:5",
              "d8:completei2e10:downloadedi1e10:incompletei1e" TAIL "5:peers0:e");
    tracker_service_deinit(&service);
}
END_TEST

START_TEST(http_refusals)
{
    open_service();
    CHECK_GET("/announce", "10.0.0.1:5",
              "d14:failure reason36:info_hash is missing or not 20 bytese");
    CHECK_GET("/announce?info_hash=abc" PEER "&port=1", "10.0.0.1:5",
              "d14:failure reason36:info_hash is missing or not 20 bytese");
    CHECK_GET("/announce?info_hash=" HASH "&port=1", "10.0.0.1:5",
              "d14:failure reason34:peer_id is missing or not 20 bytese");
    CHECK_GET("/announce?info_hash=" HASH PEER "&port=65537", "10.0.0.1:5",
              "d14:failure reason34:port is missing or not one to diale");
    CHECK_GET("/announce?&&=&=&port&%&%z&info_hash=%", "10.0.0.1:5",
              "d14:failure reason36:info_hash is missing or not 20 bytese");
    ck_assert_int_eq(get("/", "10.0.0.1:5"), 404);
    ck_assert_uint_eq(n_body, 0);
    ck_assert_int_eq(get("/announcement?x", "10.0.0.1:5"), 404);
    tracker_service_deinit(&service);
}
END_TEST

START_TEST(http_scrapes)
{
    open_service();
    get("/announce?info_hash=" HASH PEER "&port=1000&left=0", "10.0.0.1:5");
    CHECK_GET("/scrape?info_hash=bbbbbbbbbbbbbbbbbbbb&info_hash=" HASH "&info_hash=" HASH,
              "10.0.0.1:5",
              "d5:filesd20:aaaaaaaaaaaaaaaaaaa\0d8:completei1e10:downloadedi0e"
              "11:downloadersi0e10:incompletei0eeee");
    /* BEP 21: a partial seed does not download, and is no company for a seed. */
    CHECK_GET("/announce?info_hash=" HASH PEER "&port=1001&left=9&event=paused", "10.0.0.1:5",
              "d8:completei1e10:downloadedi0e10:incompletei1e" TAIL "5:peers0:e");
    get("/announce?info_hash=" HASH PEER "&port=1002&left=9", "10.0.0.1:5");
    CHECK_GET("/scrape?info_hash=" HASH, "10.0.0.1:5",
              "d5:filesd20:aaaaaaaaaaaaaaaaaaa\0d8:completei1e10:downloadedi0e"
              "11:downloadersi1e10:incompletei2eeee");
    CHECK_GET("/announce?info_hash=" HASH PEER "&port=1000&left=0", "10.0.0.1:5",
              "d8:completei1e10:downloadedi0e10:incompletei2e" TAIL "5:peers6:\x0a\0\0\x01\x03\xea"
              "e");
    get("/announce?info_hash=" HASH PEER "&port=1001&left=9", "10.0.0.1:5");
    CHECK_GET("/scrape?info_hash=" HASH, "10.0.0.1:5",
              "d5:filesd20:aaaaaaaaaaaaaaaaaaa\0d8:completei1e10:downloadedi0e"
              "11:downloadersi2e10:incompletei2eeee");
    get("/scrape", "10.0.0.1:5");
    ck_assert(!memcmp(body, "d14:failure reason", 18));
    tracker_service_deinit(&service);
}
END_TEST

/* Our own client's codec against our own server's. */
static struct announce_reply udp_announce(const struct announce_request *request, const char *from,
                                          uint64_t now)
{
    uint8_t packet[TRACKER_UDP_PACKET_MAX], answer[TRACKER_UDP_ANSWER_MAX];
    struct tracker_udp_connection connection = {0};
    struct announce_reply reply = ANNOUNCE_REPLY_EMPTY;
    struct tracker_udp u;
    struct rng rng;
    struct addr a;
    size_t n;

    rng_seed(&rng, 9);
    ck_assert_int_eq(addr_parse(from, &a), 0);
    tracker_udp_start(&u, request, "/announce?x=1", &connection, &rng, 9, now);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(tracker_udp_step(&u, now, packet, &n), TRACKER_UDP_SEND);
        /* What is cut short is never answered as if it were whole. */
        for (size_t cut = 0; cut < (i ? 98 : 16); cut++)
            ck_assert_uint_le(tracker_serve_udp(&service, packet, cut, &a, now, answer), 40);
        n = tracker_serve_udp(&service, packet, n, &a, now, answer);
        if (tracker_udp_receive(&u, answer, n, a.family, now, &reply) == TRACKER_UDP_DONE)
            return reply;
    }
    ck_abort_msg("no answer");
    return reply;
}

START_TEST(udp_announces)
{
    struct announce_request request = {.self = {.info_hash = {{1}}, .port = 1000}, .n_want = 50};
    struct announce_reply r;

    open_service();
    r = udp_announce(&request, "10.0.0.1:7", 1000 * S);
    ck_assert(!r.failed);
    ck_assert_uint_eq(r.interval_s, 120);
    ck_assert_uint_eq(r.n_seeders, 1);
    ck_assert_uint_eq(r.n_addrs, 0);
    request.left = 5;
    r = udp_announce(&request, "10.0.0.2:7", 1000 * S);
    ck_assert_uint_eq(r.n_addrs, 1);
    ck_assert_uint_eq(r.addrs[0].ip[3], 1);
    ck_assert_uint_eq(r.addrs[0].port, 1000);
    r = udp_announce(&request, "[2001:db8::1]:7", 1000 * S);
    ck_assert_uint_eq(r.n_addrs, 0);
    ck_assert_uint_eq(r.n_leechers, 2);
    r = udp_announce(&request, "[2001:db8::2]:7", 1000 * S);
    ck_assert_uint_eq(r.n_addrs, 1);
    ck_assert_uint_eq(r.addrs[0].family, AF_INET6);
    request.self.port = 0;
    r = udp_announce(&request, "10.0.0.3:7", 1000 * S);
    ck_assert(r.failed);
    tracker_service_deinit(&service);
}
END_TEST

START_TEST(udp_connection_ids_are_good_for_a_minute_or_two)
{
    uint8_t connect[16] = {0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80}, answer[TRACKER_UDP_ANSWER_MAX];
    uint8_t scrape[36] = {[11] = 2, [15] = 5};
    struct addr a, other;

    open_service();
    addr_parse("10.0.0.1:7", &a);
    addr_parse("10.0.0.2:7", &other);
    ck_assert_uint_eq(tracker_serve_udp(&service, connect, 16, &a, 119 * S, answer), 16);
    memcpy(scrape, answer + 8, 8);
    ck_assert_uint_eq(tracker_serve_udp(&service, scrape, 36, &a, 119 * S, answer), 20);
    ck_assert(!memcmp(answer, "\0\0\0\2\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0", 20));
    ck_assert_uint_eq(tracker_serve_udp(&service, scrape, 36, &a, 179 * S, answer), 20);
    tracker_serve_udp(&service, scrape, 36, &a, 180 * S, answer);
    ck_assert_uint_eq(get_be32(answer), TRACKER_UDP_ERROR);
    tracker_serve_udp(&service, scrape, 36, &other, 119 * S, answer);
    ck_assert_uint_eq(get_be32(answer), TRACKER_UDP_ERROR);
    /* The magic is asked for; an unknown action is not served. */
    connect[3] = 0;
    ck_assert_uint_eq(tracker_serve_udp(&service, connect, 16, &a, 119 * S, answer), 0);
    scrape[11] = 9;
    tracker_serve_udp(&service, scrape, 36, &a, 119 * S, answer);
    ck_assert_uint_eq(get_be32(answer), TRACKER_UDP_ERROR);
    tracker_service_deinit(&service);
}
END_TEST

RUN_SUITE("tracker service", 20, http_announces, http_refusals, http_scrapes, udp_announces,
          udp_connection_ids_are_good_for_a_minute_or_two);
