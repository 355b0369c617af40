/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/base/clock.h"
#include "conjure/tracker/serve_udp.h"
#include "conjure/tracker/udp.h"

#define S NS_PER_S

static struct tracker_service service;

static void open_service(void)
{
    static const uint8_t secret[TRACKER_SECRET_SIZE] = "secret";

    tracker_service_init(&service, 120, 1, secret);
}

/* Announces with the client's codec to the tracker's. */
static struct announce_reply announce(const struct announce_request *request, const char *from,
                                      uint64_t now)
{
    uint8_t packet[TRACKER_UDP_PACKET_MAX], datagram[TRACKER_SERVE_UDP_MAX];
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
        /* A cut request gets no reply but an error. */
        for (size_t cut = 0; cut < (i ? 98 : 16); cut++)
            ck_assert_uint_le(tracker_serve_udp(&service, packet, cut, &a, now, datagram), 40);
        n = tracker_serve_udp(&service, packet, n, &a, now, datagram);
        if (tracker_udp_receive(&u, datagram, n, a.family, now, &reply) == TRACKER_UDP_DONE)
            return reply;
    }
    ck_abort_msg("no reply");
    return reply;
}

START_TEST(announces)
{
    struct announce_request request = {.self = {.info_hash = {{1}}, .port = 1000}, .n_want = 50};
    struct announce_reply r;

    open_service();
    r = announce(&request, "10.0.0.1:7", 1000 * S);
    ck_assert(!r.failed);
    ck_assert_uint_eq(r.interval_s, 120);
    ck_assert_uint_eq(r.n_seeders, 1);
    ck_assert_uint_eq(r.n_addrs, 0);
    request.left = 5;
    r = announce(&request, "10.0.0.2:7", 1000 * S);
    ck_assert_uint_eq(r.n_addrs, 1);
    ck_assert_uint_eq(r.addrs[0].ip[3], 1);
    ck_assert_uint_eq(r.addrs[0].port, 1000);
    r = announce(&request, "[2001:db8::1]:7", 1000 * S);
    ck_assert_uint_eq(r.n_addrs, 0);
    ck_assert_uint_eq(r.n_leechers, 2);
    r = announce(&request, "[2001:db8::2]:7", 1000 * S);
    ck_assert_uint_eq(r.n_addrs, 1);
    ck_assert_uint_eq(r.addrs[0].family, AF_INET6);
    request.self.port = 0;
    r = announce(&request, "10.0.0.3:7", 1000 * S);
    ck_assert(r.failed);
    tracker_service_deinit(&service);
}
END_TEST

START_TEST(connection_ids_expire_after_one_to_two_minutes)
{
    uint8_t connect[16] = {0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80}, datagram[TRACKER_SERVE_UDP_MAX];
    uint8_t scrape[36] = {[11] = 2, [15] = 5};
    struct addr a, other;

    open_service();
    addr_parse("10.0.0.1:7", &a);
    addr_parse("10.0.0.2:7", &other);
    ck_assert_uint_eq(tracker_serve_udp(&service, connect, 16, &a, 119 * S, datagram), 16);
    memcpy(scrape, datagram + 8, 8);
    ck_assert_uint_eq(tracker_serve_udp(&service, scrape, 36, &a, 119 * S, datagram), 20);
    ck_assert(!memcmp(datagram, "\0\0\0\2\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0", 20));
    ck_assert_uint_eq(tracker_serve_udp(&service, scrape, 36, &a, 179 * S, datagram), 20);
    tracker_serve_udp(&service, scrape, 36, &a, 180 * S, datagram);
    ck_assert_uint_eq(get_be32(datagram), TRACKER_UDP_ERROR);
    tracker_serve_udp(&service, scrape, 36, &other, 119 * S, datagram);
    ck_assert_uint_eq(get_be32(datagram), TRACKER_UDP_ERROR);
    /* A connect must have the magic; an unknown action is an error. */
    connect[3] = 0;
    ck_assert_uint_eq(tracker_serve_udp(&service, connect, 16, &a, 119 * S, datagram), 0);
    scrape[11] = 9;
    tracker_serve_udp(&service, scrape, 36, &a, 119 * S, datagram);
    ck_assert_uint_eq(get_be32(datagram), TRACKER_UDP_ERROR);
    tracker_service_deinit(&service);
}
END_TEST

RUN_SUITE("tracker over UDP", 20, announces, connection_ids_expire_after_one_to_two_minutes);
