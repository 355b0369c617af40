/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/base/clock.h"
#include "conjure/tracker/udp.h"

#define S NS_PER_S

static const struct announce_request request = {
    .self = {.info_hash = {{1, 2, 3}}, .peer_id = {4, 5, 6}, .key = 0x01020304, .port = 0x1ae1},
    .event = ANNOUNCE_STARTED,
    .uploaded = 0x11,
    .downloaded = 0x22,
    .left = 0x33,
    .n_want = 50,
};

struct fixture {
    struct tracker_udp u;
    struct tracker_udp_connection connection;
    struct rng rng;
    uint8_t packet[TRACKER_UDP_PACKET_MAX];
    size_t size;
    struct announce_reply reply;
};

static void start(struct fixture *f, const char *path, uint32_t n_max, uint64_t now)
{
    rng_seed(&f->rng, 1);
    tracker_udp_start(&f->u, &request, path, &f->connection, &f->rng, n_max, now);
}

static enum tracker_udp_result step(struct fixture *f, uint64_t now)
{
    return tracker_udp_step(&f->u, now, f->packet, &f->size);
}

/* BYTES arrive, with the transaction id of the last request. */
static enum tracker_udp_result receive(struct fixture *f, const void *bytes, size_t n,
                                       uint8_t family, uint64_t now)
{
    uint8_t *copy = malloc(n ? n : 1);
    enum tracker_udp_result r;

    memcpy(copy, bytes, n);
    if (n >= 8)
        memcpy(copy + 4, f->packet + 12, 4);
    r = tracker_udp_receive(&f->u, copy, n, family, now, &f->reply);
    free(copy);
    return r;
}

#define CONNECTED "\0\0\0\0....\1\2\3\4\5\6\7\x08"
#define ANNOUNCED "\0\0\0\1....\0\0\7\x08\0\0\0\2\0\0\0\3\x0a\0\0\1\x1a\xe1\x0a\0\0\2\x1a\xe2"
#define REFUSED   "\0\0\0\3....no such torrent"

START_TEST(connect_and_announce)
{
    static const uint8_t announce[TRACKER_UDP_ANNOUNCE_SIZE] = {
        1, 2,        3, 4,         5,           6,           7,           8,        0,
        0, 0,        1, 0,         0,           0,           0,           [16] = 1, 2,
        3, [36] = 4, 5, 6,         [63] = 0x22, [71] = 0x33, [79] = 0x11, [83] = 2, [88] = 1,
        2, 3,        4, [95] = 50, [96] = 0x1a, 0xe1};
    struct fixture f = {0};
    uint32_t transaction;

    start(&f, "/announce", 9, 100 * S);
    ck_assert_int_eq(step(&f, 100 * S), TRACKER_UDP_SEND);
    ck_assert_uint_eq(f.size, 16);
    ck_assert(!memcmp(f.packet, "\0\0\4\x17\x27\x10\x19\x80\0\0\0\0", 12));
    ck_assert_int_eq(step(&f, 100 * S), TRACKER_UDP_WAIT);
    ck_assert_int_eq(receive(&f, CONNECTED, 16, AF_INET, 101 * S), TRACKER_UDP_WAIT);
    ck_assert_uint_eq(f.connection.valid_until, 161 * S);
    transaction = get_be32(f.packet + 12);
    ck_assert_int_eq(step(&f, 101 * S), TRACKER_UDP_SEND);
    ck_assert_uint_eq(f.size, 98);
    ck_assert_uint_ne(get_be32(f.packet + 12), transaction);
    transaction = get_be32(f.packet + 12);
    memset(f.packet + 12, 0, 4);
    ck_assert(!memcmp(f.packet, announce, sizeof announce));
    put_be32(f.packet + 12, transaction);
    ck_assert_int_eq(receive(&f, ANNOUNCED, 32, AF_INET, 102 * S), TRACKER_UDP_DONE);
    ck_assert(!f.reply.failed);
    ck_assert_uint_eq(f.reply.interval_s, 0x708);
    ck_assert_uint_eq(f.reply.n_leechers, 2);
    ck_assert_uint_eq(f.reply.n_seeders, 3);
    ck_assert_uint_eq(f.reply.n_addrs, 2);
    ck_assert_uint_eq(f.reply.addrs[1].port, 0x1ae2);
    /* The next announce to this endpoint needs no connect. */
    start(&f, "", 9, 160 * S);
    ck_assert_int_eq(step(&f, 160 * S), TRACKER_UDP_SEND);
    ck_assert_uint_eq(f.size, 98);
    /* The id has expired before the retransmission. */
    ck_assert_int_eq(step(&f, 175 * S), TRACKER_UDP_SEND);
    ck_assert_uint_eq(f.size, 16);
}
END_TEST

/* A second announce over the same connection, begun while the first waits. */
START_TEST(one_connect_serves_all)
{
    struct fixture f = {0};
    struct tracker_udp other;
    uint8_t packet[TRACKER_UDP_PACKET_MAX];
    size_t size;

    start(&f, "", 9, 0);
    ck_assert_int_eq(step(&f, 0), TRACKER_UDP_SEND);
    tracker_udp_start(&other, &request, "", &f.connection, &f.rng, 2, 5 * S);
    ck_assert_int_eq(tracker_udp_step(&other, 5 * S, packet, &size), TRACKER_UDP_WAIT);
    ck_assert_uint_eq(other.deadline, 15 * S);
    ck_assert_int_eq(tracker_udp_step(&other, 6 * S, packet, &size), TRACKER_UDP_WAIT);
    ck_assert_int_eq(receive(&f, CONNECTED, 16, AF_INET, 7 * S), TRACKER_UDP_WAIT);
    ck_assert_int_eq(tracker_udp_step(&other, 7 * S, packet, &size), TRACKER_UDP_SEND);
    ck_assert_uint_eq(size, 98);
    ck_assert_int_eq(step(&f, 7 * S), TRACKER_UDP_SEND);
    ck_assert_uint_eq(f.size, 98);
    /* Without a reply each connects by itself: the wait counts as its first transmission. */
    f.connection = (struct tracker_udp_connection){0};
    start(&f, "", 9, 100 * S);
    ck_assert_int_eq(step(&f, 100 * S), TRACKER_UDP_SEND);
    tracker_udp_start(&other, &request, "", &f.connection, &f.rng, 2, 105 * S);
    ck_assert_int_eq(tracker_udp_step(&other, 105 * S, packet, &size), TRACKER_UDP_WAIT);
    ck_assert_int_eq(tracker_udp_step(&other, 115 * S, packet, &size), TRACKER_UDP_SEND);
    ck_assert_uint_eq(size, 16);
    ck_assert_int_eq(tracker_udp_step(&other, 145 * S, packet, &size), TRACKER_UDP_GAVE_UP);
}
END_TEST

START_TEST(ipv6_peers_are_longer)
{
    static const char reply[] =
        "\0\0\0\1....\0\0\7\x08\0\0\0\2\0\0\0\3"
        "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x50\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0";
    struct fixture f = {.connection = {1, UINT64_MAX}};

    start(&f, "", 9, 0);
    step(&f, 0);
    ck_assert_int_eq(receive(&f, reply, sizeof reply - 1, AF_INET6, 1), TRACKER_UDP_DONE);
    ck_assert_uint_eq(f.reply.n_addrs, 1);
    ck_assert_uint_eq(f.reply.addrs[0].family, AF_INET6);
    ck_assert_uint_eq(f.reply.addrs[0].port, 80);
}
END_TEST

START_TEST(retransmission_schedule)
{
    static const uint64_t waits[] = {15, 30, 60, 120, 240, 480, 960, 1920, 3840};
    struct fixture f = {0};
    uint64_t now = 0;
    uint32_t transaction = 0;

    start(&f, "", 100, 0);
    for (int i = 0; i < 9; i++) {
        ck_assert_int_eq(step(&f, now), TRACKER_UDP_SEND);
        if (i)
            ck_assert_uint_eq(get_be32(f.packet + 12), transaction);
        transaction = get_be32(f.packet + 12);
        ck_assert_uint_eq(f.u.deadline, now + waits[i] * S);
        ck_assert_int_eq(step(&f, now + waits[i] * S - 1), TRACKER_UDP_WAIT);
        now += waits[i] * S;
    }
    ck_assert_int_eq(step(&f, now), TRACKER_UDP_GAVE_UP);
    f.connection = (struct tracker_udp_connection){0};
    start(&f, "", 2, 0);
    step(&f, 0);
    step(&f, 15 * S);
    ck_assert_int_eq(step(&f, 45 * S), TRACKER_UDP_GAVE_UP);
}
END_TEST

START_TEST(the_schedule_begins_anew_after_connect)
{
    struct fixture f = {0};

    start(&f, "", 9, 0);
    step(&f, 0);
    step(&f, 15 * S);
    receive(&f, CONNECTED, 16, AF_INET, 20 * S);
    ck_assert_int_eq(step(&f, 20 * S), TRACKER_UDP_SEND);
    ck_assert_uint_eq(f.u.deadline, 35 * S);
}
END_TEST

START_TEST(another_announce_receives_the_connection_id)
{
    struct fixture f = {0};

    start(&f, "", 9, 0);
    step(&f, 0);
    f.connection = (struct tracker_udp_connection){7, 60 * S};
    ck_assert_int_eq(step(&f, 1 * S), TRACKER_UDP_SEND);
    ck_assert_uint_eq(f.size, 98);
    ck_assert_int_eq(step(&f, 1 * S), TRACKER_UDP_WAIT);
}
END_TEST

START_TEST(errors)
{
    struct fixture f = {.connection = {1, UINT64_MAX}};

    start(&f, "", 9, 0);
    step(&f, 0);
    ck_assert_int_eq(receive(&f, REFUSED, sizeof REFUSED - 1, AF_INET, 1), TRACKER_UDP_DONE);
    ck_assert(f.reply.failed);
    ck_assert_str_eq(f.reply.text, "no such torrent");
    ck_assert_uint_eq(f.connection.valid_until, 0);
}
END_TEST

START_TEST(cut_or_foreign_datagrams_are_ignored)
{
    struct fixture f = {.connection = {1, UINT64_MAX}};
    uint8_t stranger[32] = ANNOUNCED;

    start(&f, "", 9, 0);
    /* No request was sent yet. */
    ck_assert_int_eq(tracker_udp_receive(&f.u, (uint8_t[16]){0}, 16, AF_INET, 0, &f.reply),
                     TRACKER_UDP_WAIT);
    step(&f, 0);
    for (size_t n = 0; n < 20; n++)
        ck_assert_int_eq(receive(&f, ANNOUNCED, n, AF_INET, 1), TRACKER_UDP_WAIT);
    /* The reply to a connect that was not sent, and one of another transaction. */
    ck_assert_int_eq(receive(&f, CONNECTED, 16, AF_INET, 1), TRACKER_UDP_WAIT);
    ck_assert_uint_eq(f.connection.id, 1);
    put_be32(stranger + 4, f.u.transaction + 1);
    ck_assert_int_eq(tracker_udp_receive(&f.u, stranger, 32, AF_INET, 1, &f.reply),
                     TRACKER_UDP_WAIT);
    for (size_t n = 20; n <= 32; n++) {
        ck_assert_int_eq(receive(&f, ANNOUNCED, n, AF_INET, 1), TRACKER_UDP_DONE);
        ck_assert_uint_eq(f.reply.n_addrs, (n - 20) / 6);
    }
    f.connection.valid_until = 0;
    start(&f, "", 9, 0);
    step(&f, 0);
    for (size_t n = 0; n < 16; n++) {
        receive(&f, CONNECTED, n, AF_INET, 1);
        ck_assert_uint_eq(f.connection.valid_until, 0);
    }
}
END_TEST

START_TEST(path_of_the_url)
{
    struct fixture f = {.connection = {1, UINT64_MAX}};
    char path[400];

    start(&f, "/a?k=1#x", 9, 0);
    step(&f, 0);
    ck_assert_uint_eq(f.size, 98 + 2 + 6 + 1);
    ck_assert(!memcmp(f.packet + 98, "\x02\x06/a?k=1\0", 9));
    memset(path, 'x', sizeof path);
    path[399] = 0;
    start(&f, path, 9, 0);
    step(&f, 0);
    ck_assert_uint_eq(f.size, 98 + 2 + 255 + 2 + 144 + 1);
    ck_assert_uint_eq(f.packet[98 + 257], 2);
    ck_assert_uint_eq(f.packet[98 + 258], 144);
}
END_TEST

RUN_SUITE("tracker udp", 10, connect_and_announce, one_connect_serves_all, ipv6_peers_are_longer,
          retransmission_schedule, the_schedule_begins_anew_after_connect,
          another_announce_receives_the_connection_id, errors, cut_or_foreign_datagrams_are_ignored,
          path_of_the_url);
