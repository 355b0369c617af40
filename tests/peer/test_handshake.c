/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <string.h>

#include "conjure/peer/handshake.h"

/* As a client sends it that has the Fast extension and two more bits that we do not know. */
static const char wire[] = "\x13"
                           "BitTorrent protocol"
                           "\x00\x00\x00\x00\x00\x10\x00\x05"
                           "aaaaabbbbbcccccddddd"
                           "-XX0100-0123456789ab";

START_TEST(encodes_every_field_at_its_offset)
{
    struct handshake h = {.fast = true};
    uint8_t bytes[HANDSHAKE_SIZE];
    char expected[HANDSHAKE_SIZE];

    memcpy(h.info_hash.bytes, "aaaaabbbbbcccccddddd", 20);
    memcpy(h.peer_id, "-XX0100-0123456789ab", 20);
    handshake_encode(&h, bytes);
    memcpy(expected, wire, sizeof expected);
    memcpy(expected + 20, "\0\0\0\0\0\0\0\x04", 8);
    ck_assert_mem_eq(bytes, expected, HANDSHAKE_SIZE);

    h.extended = true;
    handshake_encode(&h, bytes);
    expected[25] = 0x10;
    ck_assert_mem_eq(bytes, expected, HANDSHAKE_SIZE);
    h.extended = false;
    expected[25] = 0;

    h.fast = false;
    handshake_encode(&h, bytes);
    expected[27] = 0;
    ck_assert_mem_eq(bytes, expected, HANDSHAKE_SIZE);
}
END_TEST

START_TEST(decodes_the_bytes_that_have_arrived)
{
    static const uint8_t zeros[20];

    for (unsigned n = 0; n <= HANDSHAKE_SIZE; n++) {
        uint8_t *bytes = malloc(n + 1); /* so that a sanitizer sees a read past the end */
        struct handshake h;

        memcpy(bytes, wire, n);
        bytes = realloc(bytes, n ? n : 1);
        ck_assert_int_eq(handshake_decode(bytes, n, &h), 0);
        ck_assert_int_eq(h.extended, n > 25);
        ck_assert_int_eq(h.fast, n > 27);
        ck_assert_mem_eq(h.info_hash.bytes, n >= 48 ? (const void *)"aaaaabbbbbcccccddddd" : zeros,
                         20);
        ck_assert_mem_eq(h.peer_id, n >= 68 ? (const void *)"-XX0100-0123456789ab" : zeros, 20);
        free(bytes);
    }
}
END_TEST

START_TEST(fails_at_the_first_wrong_byte)
{
    struct handshake h;

    ck_assert_int_eq(handshake_decode((const uint8_t *)"GET /", 1, &h), -EPROTO);
    for (unsigned wrong = 0; wrong < 20; wrong++) {
        uint8_t bytes[HANDSHAKE_SIZE];

        memcpy(bytes, wire, sizeof bytes);
        bytes[wrong] ^= 0x20;
        ck_assert_int_eq(handshake_decode(bytes, wrong, &h), 0);
        for (unsigned n = wrong + 1; n <= HANDSHAKE_SIZE; n++)
            ck_assert_int_eq(handshake_decode(bytes, n, &h), -EPROTO);
    }
}
END_TEST

RUN_SUITE("handshake", 10, encodes_every_field_at_its_offset, decodes_the_bytes_that_have_arrived,
          fails_at_the_first_wrong_byte);
