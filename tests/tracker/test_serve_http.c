/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/tracker/serve_http.h"

#define HASH "aaaaaaaaaaaaaaaaaaa%00"
#define PEER "&peer_id=-XX0000-abcdefghijkl"

static struct tracker_service service;
static uint8_t body[65536];
static size_t n_body;

static void open_service(void)
{
    static const uint8_t secret[TRACKER_SECRET_SIZE] = "secret";

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

START_TEST(announces)
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

START_TEST(refusals)
{
    open_service();
    CHECK_GET("/announce", "10.0.0.1:5",
              "d14:failure reason36:info_hash is missing or not 20 bytese");
    CHECK_GET("/announce?info_hash=abc" PEER "&port=1", "10.0.0.1:5",
              "d14:failure reason36:info_hash is missing or not 20 bytese");
    CHECK_GET("/announce?info_hash=" HASH "&port=1", "10.0.0.1:5",
              "d14:failure reason34:peer_id is missing or not 20 bytese");
    CHECK_GET("/announce?info_hash=" HASH PEER "&port=65537", "10.0.0.1:5",
              "d14:failure reason36:port is missing or cannot be diallede");
    CHECK_GET("/announce?&&=&=&port&%&%z&info_hash=%", "10.0.0.1:5",
              "d14:failure reason36:info_hash is missing or not 20 bytese");
    ck_assert_int_eq(get("/", "10.0.0.1:5"), 404);
    ck_assert_uint_eq(n_body, 0);
    ck_assert_int_eq(get("/announcement?x", "10.0.0.1:5"), 404);
    tracker_service_deinit(&service);
}
END_TEST

START_TEST(scrapes)
{
    open_service();
    get("/announce?info_hash=" HASH PEER "&port=1000&left=0", "10.0.0.1:5");
    CHECK_GET("/scrape?info_hash=bbbbbbbbbbbbbbbbbbbb&info_hash=" HASH "&info_hash=" HASH,
              "10.0.0.1:5",
              "d5:filesd20:aaaaaaaaaaaaaaaaaaa\0d8:completei1e10:downloadedi0e"
              "11:downloadersi0e10:incompletei0eeee");
    /* BEP 21: a partial seed does not download, so a seed does not get its address. */
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

RUN_SUITE("tracker over HTTP", 20, announces, refusals, scrapes);
