/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/alloc.h"
#include "conjure/tracker/protocol.h"

START_TEST(the_scheme_names_the_protocol)
{
    ck_assert_int_eq(tracker_protocol_find("http://a")->transport, TRACKER_TRANSPORT_HTTP);
    ck_assert_int_eq(tracker_protocol_find("HttpS://a")->transport, TRACKER_TRANSPORT_HTTP);
    ck_assert_int_eq(tracker_protocol_find("udp://a:1")->transport, TRACKER_TRANSPORT_UDP);
    ck_assert_ptr_null(tracker_protocol_find("wss://a"));
    ck_assert_ptr_null(tracker_protocol_find("udp:/a"));
    ck_assert_ptr_null(tracker_protocol_find("xudp://a"));
    ck_assert_ptr_null(tracker_protocol_find(""));
}
END_TEST

START_TEST(urls_are_parsed)
{
    static const struct {
        const char *url, *host;
        uint16_t port;
        const char *path;
    } cases[] = {
        {"udp://t.example:80/x?y", "t.example", 80, "/x?y"},
        {"udp://[2001:db8::1]:6969", "2001:db8::1", 6969, ""},
        {"https://me:secret@h?z", "h", 443, "?z"},
        {"http://h", "h", 80, ""},
        {"http://h:65535#x", "h", 65535, "#x"},
    };
    struct tracker_url u;

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        ck_assert_int_eq(tracker_url_parse(cases[i].url, &u), 0);
        ck_assert_str_eq(u.host, cases[i].host);
        ck_assert_uint_eq(u.port, cases[i].port);
        ck_assert_str_eq(u.path, cases[i].path);
    }
}
END_TEST

START_TEST(unusable_urls)
{
    static const char *const urls[] = {
        "http://[::1", "http://",         "http://:80/",       "http://a:/",
        "http://a:0/", "http://a:65536/", "http://a:8x/",      "http://[::1]x/",
        "udp://a",     "dht://a:1",       "http://a:0000080/",
    };
    struct tracker_url u;

    for (size_t i = 0; i < N_ELEMENTS(urls); i++)
        ck_assert_int_eq(tracker_url_parse(urls[i], &u), TRACKER_URL_UNUSABLE);
}
END_TEST

RUN_SUITE("tracker protocols", 10, the_scheme_names_the_protocol, urls_are_parsed, unusable_urls);
