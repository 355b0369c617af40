/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <netinet/in.h>
#include <string.h>

#include "conjure/base/addr.h"

START_TEST(text_forms)
{
    static const struct {
        const char *text;
        int result;
    } cases[] = {
        {"192.0.2.1:6881", 0},
        {"[2001:db8::1]:6881", 0},
        {"[::1]:65535", 0},
        {"192.0.2.1", 1},
        {"192.0.2.1:", 1},
        {"192.0.2.1:65536", 1},
        {"192.0.2.1:-1", 1},
        {"192.0.2.1: 80", 1},
        {"192.0.2.1:80x", 1},
        {"2001:db8::1:80", 1},
        {"[2001:db8::1]", 1},
        {"[]:80", 1},
        {"example.org:80", 1},
        {":80", 1},
        {"", 1},
        {"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc]:80", 1},
    };
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct addr a = ADDR_NONE;

        ck_assert_msg(addr_parse(cases[i].text, &a) == cases[i].result, "%s", cases[i].text);
        if (!cases[i].result)
            ck_assert_str_eq(addr_format(&a, text), cases[i].text);
        else
            ck_assert(addr_equal(&a, &ADDR_NONE)); /* untouched */
    }
}
END_TEST

START_TEST(compact_forms)
{
    static const uint8_t four[] = {192, 0, 2, 1, 0x1a, 0xe1};
    static const uint8_t six[] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0,    0,    0,
                                  0,    0,    0,    0,    0, 0, 0x01, 0x1a, 0xe1};
    uint8_t bytes[ADDR_COMPACT6];
    char text[ADDR_TEXT_MAX];
    struct addr a = addr_from_compact4(four), b = addr_from_compact6(six);

    ck_assert_str_eq(addr_format(&a, text), "192.0.2.1:6881");
    ck_assert_uint_eq(addr_to_compact(&a, bytes), ADDR_COMPACT4);
    ck_assert_int_eq(memcmp(bytes, four, sizeof four), 0);
    ck_assert_str_eq(addr_format(&b, text), "[2001:db8::1]:6881");
    ck_assert_uint_eq(addr_to_compact(&b, bytes), ADDR_COMPACT6);
    ck_assert_int_eq(memcmp(bytes, six, sizeof six), 0);
}
END_TEST

START_TEST(sockaddr_round_trip_and_mapped)
{
    static const char *const texts[] = {"192.0.2.1:6881", "[2001:db8::1]:6881"};
    struct sockaddr_storage ss;
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    struct addr a, b;

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(addr_parse(texts[i], &a), 0);
        ck_assert_uint_eq(addr_to_sockaddr(&a, &ss),
                          i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
        b = addr_from_sockaddr((struct sockaddr *)&ss);
        ck_assert(addr_equal(&a, &b));
        ck_assert_uint_eq(addr_hash(&a), addr_hash(&b));
    }
    memcpy(&mapped.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16);
    a = addr_from_sockaddr((struct sockaddr *)&mapped);
    ck_assert_int_eq(addr_parse("192.0.2.1:80", &b), 0);
    ck_assert(addr_equal(&a, &b));
    b.port = 81;
    ck_assert(!addr_equal(&a, &b) && addr_same_host(&a, &b));
}
END_TEST

START_TEST(public_addresses)
{
    static const struct {
        const char *text;
        bool is_public;
    } cases[] = {
        {"8.8.8.8", true},          {"203.0.113.5", true}, {"127.0.0.1", false},
        {"10.0.0.1", false},        {"172.16.0.1", false}, {"192.168.1.1", false},
        {"169.254.169.254", false}, {"0.0.0.0", false},    {"0.1.2.3", false},
        {"100.64.0.1", false},      {"224.0.0.1", false},  {"255.255.255.255", false},
        {"2001:db8::1", true},      {"::1", false},        {"::", false},
        {"fe80::1", false},         {"fd00::1", false},    {"ff02::1", false},
        {"::ffff:10.0.0.1", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct addr a;

        ck_assert_int_eq(addr_parse_ip(cases[i].text, 0, &a), 0);
        ck_assert_msg(addr_is_public(&a) == cases[i].is_public, "%s", cases[i].text);
    }
}
END_TEST

START_TEST(only_unicast_addresses_with_a_port_are_dialable)
{
    static const struct {
        const char *text;
        bool dialable;
    } cases[] = {
        {"192.0.2.1:1", true}, {"127.0.0.1:80", true},  {"192.0.2.1:0", false},
        {"0.0.0.0:80", false}, {"224.0.0.1:80", false}, {"255.255.255.255:80", false},
        {"[::]:80", false},    {"[ff02::1]:80", false}, {"[2001:db8::1]:80", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct addr a;

        ck_assert_int_eq(addr_parse(cases[i].text, &a), 0);
        ck_assert_msg(addr_is_dialable(&a) == cases[i].dialable, "%s", cases[i].text);
    }
    ck_assert(!addr_is_dialable(&ADDR_NONE));
}
END_TEST

START_TEST(addresses_of_the_same_network)
{
    static const struct {
        const char *text;
        bool lan;
    } cases[] = {
        {"127.0.0.1:1", true},
        {"127.255.255.255:1", true},
        {"126.255.255.255:1", false},
        {"128.0.0.1:1", false},
        {"10.0.0.0:1", true},
        {"10.255.255.255:1", true},
        {"11.0.0.1:1", false},
        {"172.15.255.255:1", false},
        {"172.16.0.0:1", true},
        {"172.31.255.255:1", true},
        {"172.32.0.0:1", false},
        {"192.167.255.255:1", false},
        {"192.168.0.0:1", true},
        {"192.168.255.255:1", true},
        {"192.169.0.0:1", false},
        {"169.254.7.7:1", true},
        {"169.253.7.7:1", false},
        {"100.64.0.1:1", false}, /* RFC 6598 */
        {"192.0.2.1:1", false},
        {"0.0.0.0:1", false},
        {"[::1]:1", true},
        {"[::2]:1", false},
        {"[::]:1", false},
        {"[fc00::1]:1", true},
        {"[fdff:ffff::1]:1", true},
        {"[fbff::1]:1", false},
        {"[fe00::1]:1", false},
        {"[fe80::1]:1", true},
        {"[febf::1]:1", true},
        {"[fec0::1]:1", false},
        {"[2001:db8::1]:1", false},
        {"[::ffff:192.168.1.1]:1", true},
        {"[::ffff:192.0.2.1]:1", false},
        {"[::192.168.1.1]:1", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct addr a;

        ck_assert_int_eq(addr_parse(cases[i].text, &a), 0);
        ck_assert_msg(addr_is_lan(&a) == cases[i].lan, "%s", cases[i].text);
    }
    ck_assert(!addr_is_lan(&ADDR_NONE));
}
END_TEST

static uint64_t host_of(const char *ip, uint16_t port)
{
    struct addr a;

    ck_assert_int_eq(addr_parse_ip(ip, port, &a), 0);
    return addr_host(&a);
}

START_TEST(a_host_is_an_ipv4_address_or_64_bits_of_ipv6)
{
    ck_assert(addr_host(&ADDR_NONE) == 0);
    ck_assert(host_of("::1", 1) != 0);
    ck_assert(host_of("192.0.2.1", 1) == host_of("192.0.2.1", 2));
    ck_assert(host_of("192.0.2.1", 1) != host_of("192.0.2.2", 1));
    ck_assert(host_of("2001:db8:1:2::1", 1) == host_of("2001:db8:1:2:f::9", 1));
    ck_assert(host_of("2001:db8:1:2::1", 1) != host_of("2001:db8:1:3::1", 1));
    ck_assert(addr_network_of(host_of("192.0.2.1", 1)) ==
              addr_network_of(host_of("192.0.2.200", 1)));
    ck_assert(addr_network_of(host_of("192.0.2.1", 1)) != addr_network_of(host_of("192.0.3.1", 1)));
    ck_assert(addr_network_of(host_of("2001:db8:1:2::1", 1)) ==
              addr_network_of(host_of("2001:db8:1:ffff::1", 1)));
    ck_assert(addr_network_of(host_of("2001:db8:1::1", 1)) !=
              addr_network_of(host_of("2001:db8:2::1", 1)));
}
END_TEST

RUN_SUITE("Addresses", 5, text_forms, compact_forms, sockaddr_round_trip_and_mapped,
          public_addresses, only_unicast_addresses_with_a_port_are_dialable,
          addresses_of_the_same_network, a_host_is_an_ipv4_address_or_64_bits_of_ipv6);
