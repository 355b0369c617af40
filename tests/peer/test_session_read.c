/* SPDX-License-Identifier: MIT */
#include "session_harness.h"

#include <errno.h>

static uint8_t buffer[1 << 20];

START_TEST(receives_into_place_without_a_copy)
{
    struct harness w;
    uint8_t *p = buffer;

    harness_init_requesting(&w, FAST);
    harness_claim(&w, 8, 9, 0, 2, 3);
    for (uint32_t i = 0; i < 4; i++)
        p = put_block(&w.geometry, 2, i, p);
    for (uint32_t i = 0; i < 2; i++)
        p = put_block(&w.geometry, 9, i, p);
    /* In one read, without a copy. */
    ck_assert_uint_eq(harness_read(&w, buffer, (size_t)(p - buffer)), (size_t)(p - buffer));
    ck_assert_uint_eq(w.n_aimed, (size_t)(p - buffer));
    harness_expect(&w, "done-7:f done-8:3 ");
    check_done(&w, 2);
    ck_assert_uint_eq(w.s.down.total, 65536 + 24576);
    harness_deinit(&w);
}
END_TEST

START_TEST(reads_may_end_anywhere)
{
    static const size_t cuts[] = {1, 2, 3, 7, 12, 13, 14, 4096, 16383, 16384, 16385, 16397, 16398};

    for (size_t k = 0; k < sizeof cuts / sizeof cuts[0]; k++) {
        struct harness w;
        uint8_t *p = buffer;

        harness_init_requesting(&w, FAST);
        harness_claim(&w, 8, 9, 0, 2, 3);
        for (uint32_t i = 0; i < 4; i++)
            p = put_block(&w.geometry, 2, i, p);
        for (uint32_t i = 0; i < 2; i++)
            p = put_block(&w.geometry, 9, i, p);
        harness_feed(&w, buffer, (size_t)(p - buffer), cuts[k]);
        harness_expect(&w, "done-7:f done-8:3 ");
        check_done(&w, 2);
        ck_assert_uint_eq(w.n_aimed, (size_t)(p - buffer));
        harness_deinit(&w);
    }
}
END_TEST

/* Other messages between the blocks, at every place and with the reads cut around them. */
START_TEST(other_messages_between_blocks_are_parsed)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *log;
    } others[] = {
        {"\0\0\0\0", 4, ""},
        {"\0\0\0\x05\x04\0\0\0\x03", 9, "have-3 "},
        {"\0\0\0\x01\x02", 5, "interested "},
        {"\0\0\0\x03\x09\x1a\xe1", 7, ""},
        {"\0\0\0\x0c\x07\0\0\0\x02\0\0\0\0zzz", 16, ""}, /* a block of the wrong size */
        {"\0\0\0\x0d\x10\0\0\0\x05\0\0\0\0\0\0\x40\0", 17, ""},
        {"\0\0\0\x01\0\0\0\0\x01\x01", 10, "choked unchoked "},
    };
    static const size_t cuts[] = {1 << 20, 16397, 16384 + 3, 20000, 61};

    for (size_t o = 0; o < sizeof others / sizeof others[0]; o++) {
        for (uint32_t at = 0; at <= 4; at++) {
            for (size_t k = 0; k < sizeof cuts / sizeof cuts[0]; k++) {
                struct harness w;
                uint8_t *p = buffer;
                char expected[100];

                harness_init_requesting(&w, FAST);
                for (uint32_t i = 0; i <= 4; i++) {
                    if (i == at)
                        p = (uint8_t *)memcpy(p, others[o].bytes, others[o].n) + others[o].n;
                    if (i < 4)
                        p = put_block(&w.geometry, 2, i, p);
                }
                harness_feed(&w, buffer, (size_t)(p - buffer), cuts[k]);
                if (at < 4)
                    snprintf(expected, sizeof expected, "%sdone-7:f ", others[o].log);
                else
                    snprintf(expected, sizeof expected, "done-7:f %s", others[o].log);
                harness_expect(&w, expected);
                check_done(&w, 1);
                harness_deinit(&w);
            }
        }
    }
}
END_TEST

START_TEST(blocks_may_arrive_in_any_order)
{
    static const uint8_t orders[][4] = {{3, 2, 1, 0}, {1, 0, 3, 2}, {0, 2, 1, 3}, {0, 1, 3, 2}};
    static const size_t cuts[] = {1 << 20, 16397, 16384 + 3, 30000, 11};

    for (size_t o = 0; o < sizeof orders / sizeof orders[0]; o++) {
        for (size_t k = 0; k < sizeof cuts / sizeof cuts[0]; k++) {
            struct harness w;
            uint8_t *p = buffer;

            harness_init_requesting(&w, FAST);
            harness_claim(&w, 8, 3, 0, 4, 0xf);
            for (uint32_t i = 0; i < 4; i++)
                p = put_block(&w.geometry, 3, orders[o][i], p);
            for (uint32_t i = 0; i < 4; i++)
                p = put_block(&w.geometry, 2, orders[o][i], p);
            harness_feed(&w, buffer, (size_t)(p - buffer), cuts[k]);
            harness_expect(&w, "done-8:f done-7:f ");
            check_done(&w, 2);
            harness_deinit(&w);
        }
    }
}
END_TEST

RUN_SUITE("session_read", 60, receives_into_place_without_a_copy, reads_may_end_anywhere,
          other_messages_between_blocks_are_parsed, blocks_may_arrive_in_any_order);
