/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdio.h>
#include <string.h>

#include "conjure/tracker/http.h"

static const struct announce_request request = {
    .self =
        {.info_hash = {"\x12\x34\x56\x78\x9a\xbc\xde\xf1\x23\x45\x67\x89\xab\xcd\xef\x12\x34\x56"
                       "\x78\x9a"},
         .peer_id = {'-', 'C', 'J', '0', '1', '0', '0', '-', ' ', '&',
                     '~', 0,   'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'},
         .key = 0xbeef,
         .port = 6881},
    .event = ANNOUNCE_STARTED,
    .uploaded = 1,
    .downloaded = 2,
    .left = UINT64_MAX,
    .n_want = 50,
};
#define QUERY                                                                                   \
    "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-CJ0100-%20%26~%00abcdefgh" \
    "&port=6881&uploaded=1&downloaded=2&left=18446744073709551615&compact=1&no_peer_id=1"       \
    "&numwant=50&key=0000BEEF"

START_TEST(urls)
{
    struct announce_request r = request;
    char url[TRACKER_HTTP_URL_MAX], base[ANNOUNCE_URL_MAX + 10];

    ck_assert_int_eq(tracker_http_url("http://t/announce", &r, url), 0);
    ck_assert_str_eq(url, "http://t/announce?" QUERY "&event=started");
    r.event = ANNOUNCE_NONE;
    r.tracker_id = "a b\xff";
    ck_assert_int_eq(tracker_http_url("http://t/a?passkey=1#top", &r, url), 0);
    ck_assert_str_eq(url, "http://t/a?passkey=1&" QUERY "&trackerid=a%20b%FF");
    r.event = ANNOUNCE_COMPLETED;
    r.tracker_id = NULL;
    ck_assert_int_eq(tracker_http_url("http://t", &r, url), 0);
    ck_assert_str_eq(url, "http://t?" QUERY "&event=completed");
    r.event = ANNOUNCE_PAUSED;
    ck_assert_int_eq(tracker_http_url("http://t/", &r, url), 0);
    ck_assert_ptr_nonnull(strstr(url, "&event=paused"));
    r.event = ANNOUNCE_STOPPED;
    ck_assert_int_eq(tracker_http_url("http://t/", &r, url), 0);
    ck_assert_str_eq(url, "http://t/?" QUERY "&event=stopped");
    memset(base, 'x', sizeof base);
    base[ANNOUNCE_URL_MAX] = 0;
    ck_assert_int_eq(tracker_http_url(base, &r, url), TRACKER_HTTP_TOO_LONG);
    base[ANNOUNCE_URL_MAX - 1] = 0;
    ck_assert_int_eq(tracker_http_url(base, &r, url), 0);
}
END_TEST

static struct announce_reply parse(const void *bytes, size_t n)
{
    struct announce_reply reply;
    char reason[ANNOUNCE_TEXT_MAX] = "";

    ck_assert_msg(!tracker_http_parse(bytes, n, &reply, reason), "%s", reason);
    return reply;
}
#define PARSE(literal) parse(literal, sizeof literal - 1)

static void check_addr(const struct addr *a, const char *expected)
{
    char text[ADDR_TEXT_MAX];

    ck_assert_str_eq(addr_format(a, text), expected);
}

static const char full[] =
    "d8:completei7e10:incompletei3e8:intervali1800e12:min intervali900e"
    "5:peers18:\x0a\x00\x00\x01\x1a\xe1\x0a\x00\x00\x02\x00\x00\xe0\x00\x00\x01\x00\x50"
    "6:peers618:\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x50"
    "10:tracker id3:abc15:warning message6:be\x1bware";

START_TEST(compact_reply)
{
    struct announce_reply r = PARSE(full);

    ck_assert(!r.failed);
    ck_assert_uint_eq(r.n_seeders, 7);
    ck_assert_uint_eq(r.n_leechers, 3);
    ck_assert_uint_eq(r.interval_s, 1800);
    ck_assert_uint_eq(r.min_interval_s, 900);
    ck_assert_str_eq(r.tracker_id, "abc");
    ck_assert_str_eq(r.text, "be?war");
    /* Port 0 and a multicast address cannot be dialled. */
    ck_assert_uint_eq(r.n_addrs, 2);
    check_addr(&r.addrs[0], "10.0.0.1:6881");
    check_addr(&r.addrs[1], "[2001:db8::1]:80");
}
END_TEST

START_TEST(cut_at_every_byte)
{
    for (size_t n = 0; n < sizeof full - 1; n++) {
        struct announce_reply r;
        char reason[ANNOUNCE_TEXT_MAX] = "";
        uint8_t *copy = malloc(n ? n : 1);

        memcpy(copy, full, n);
        ck_assert_int_eq(tracker_http_parse(copy, n, &r, reason), TRACKER_HTTP_MALFORMED);
        ck_assert_str_ne(reason, "");
        free(copy);
    }
}
END_TEST

START_TEST(dictionary_reply)
{
    struct announce_reply r =
        PARSE("d8:intervali60e5:peersld2:ip8:10.0.0.17:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti1e"
              "ed2:ip11:2001:db8::24:porti2eed2:ip9:localhost4:porti3eed2:ip8:10.0.0.14:porti65536e"
              "e4:junki5ed4:porti5eed2:ip8:10.0.0.24:port1:5eee");

    ck_assert_uint_eq(r.n_addrs, 2);
    check_addr(&r.addrs[0], "10.0.0.1:1");
    check_addr(&r.addrs[1], "[2001:db8::2]:2");
}
END_TEST

START_TEST(refusals)
{
    struct announce_reply r = PARSE("d14:failure reason4:nope8:retry ini5ee");

    ck_assert(r.failed);
    ck_assert_str_eq(r.text, "nope");
    ck_assert_uint_eq(r.retry_s, 300);
    r = PARSE("d14:failure reason0:8:retry in5:nevere\n");
    ck_assert(r.failed);
    ck_assert_str_eq(r.text, "refused");
    ck_assert_uint_eq(r.retry_s, UINT32_MAX);
}
END_TEST

START_TEST(wrong_optional_fields_are_ignored)
{
    struct announce_reply r = PARSE("d8:completei-5e10:incomplete1:x8:intervali9999999999e"
                                    "12:min interval3:abc5:peers7:\x0a\x00\x00\x01\x1a\xe1\x01"
                                    "15:warning messagei5ee");

    ck_assert_uint_eq(r.n_seeders, 0);
    ck_assert_uint_eq(r.n_leechers, 0);
    ck_assert_uint_eq(r.interval_s, INT32_MAX);
    ck_assert_uint_eq(r.min_interval_s, 0);
    ck_assert_uint_eq(r.n_addrs, 1);
    r = PARSE("d8:intervali-1e5:peers6:\x0a\x00\x00\x01\x1a\xe1"
              "6:peers6lee");
    ck_assert_uint_eq(r.interval_s, 0); /* none: the default applies */
    ck_assert_uint_eq(r.n_addrs, 1);
    r = PARSE("d8:interval3:abc5:peers6:\x0a\x00\x00\x01\x1a\xe1"
              "6:peers6i5ee");
    ck_assert_uint_eq(r.interval_s, 0);
    ck_assert_uint_eq(r.n_addrs, 1);
    r = PARSE("de");
    ck_assert_uint_eq(r.n_addrs, 0);
}
END_TEST

START_TEST(malformed_replies)
{
    static const char *const malformed[] = {
        "le", "i5e", "4:spam", "d5:peersi1ee", "d14:failure reasoni1ee", "<html>", "d"};
    struct announce_reply r;
    char reason[ANNOUNCE_TEXT_MAX];
    uint8_t *big = calloc(1, TRACKER_HTTP_REPLY_MAX + 1);

    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        ck_assert_int_eq(
            tracker_http_parse((const uint8_t *)malformed[i], strlen(malformed[i]), &r, reason),
            TRACKER_HTTP_MALFORMED);
    ck_assert_int_eq(tracker_http_parse(big, TRACKER_HTTP_REPLY_MAX + 1, &r, reason),
                     TRACKER_HTTP_MALFORMED);
    free(big);
}
END_TEST

START_TEST(at_most_200_addresses)
{
    char bytes[2000] = "d5:peers1800:";
    struct announce_reply r;

    memset(bytes + 13, 0x0a, 1800);
    memcpy(bytes + 13 + 1800, "e", 1);
    r = parse(bytes, 13 + 1800 + 1);
    ck_assert_uint_eq(r.n_addrs, 200);
}
END_TEST

RUN_SUITE("tracker http", 10, urls, compact_reply, cut_at_every_byte, dictionary_reply, refusals,
          wrong_optional_fields_are_ignored, malformed_replies, at_most_200_addresses);
