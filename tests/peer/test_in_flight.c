/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdlib.h>
#include <string.h>

#include "conjure/peer/session.h"
#include "peer/in_flight.h"

/* A ring of blocks, and memory for each of them: block I of piece 0 is SIZE bytes of the value I.
 */
#define N_BLOCKS 40u
#define SIZE     100u

struct harness {
    struct in_flight f;
    struct session_scratch x;
    uint8_t data[N_BLOCKS][SIZE];
};

static struct harness *harness_new(void)
{
    struct harness *w = calloc(1, sizeof *w);

    memset(&w->f, 0xcc, sizeof w->f);
    in_flight_init(&w->f);
    ck_assert_int_eq(session_scratch_init(&w->x), 0);
    return w;
}

static void harness_free(struct harness *w)
{
    session_scratch_deinit(&w->x);
    free(w);
}

static void add(struct harness *w, uint32_t i)
{
    const struct in_flight_block block = {.data = w->data[i % N_BLOCKS],
                                          .begin = i,
                                          .size = SIZE,
                                          .claim = (uint8_t)(i % 32),
                                          .bit = (uint8_t)(i % 64)};

    in_flight_add(&w->f, &block);
}

static void take(struct harness *w, uint32_t i)
{
    struct in_flight_block *block = in_flight_find(&w->f, 0, i, SIZE);

    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq(block->begin, i);
    ck_assert_uint_eq(block->bit, i % 64);
    in_flight_remove(&w->f, block);
}

static void expect_first(struct harness *w, uint32_t i)
{
    ck_assert_ptr_nonnull(in_flight_first(&w->f));
    ck_assert_uint_eq(in_flight_first(&w->f)->begin, i);
}

/* Orders in which four blocks are answered, and the first of the ring after each. */
START_TEST(blocks_are_taken_in_any_order)
{
    static const struct {
        uint8_t taken[4], first[3];
    } orders[] = {
        {{0, 1, 2, 3}, {1, 2, 3}}, {{3, 2, 1, 0}, {0, 0, 0}}, {{1, 0, 3, 2}, {0, 2, 2}},
        {{0, 2, 1, 3}, {1, 1, 3}}, {{2, 1, 0, 3}, {0, 0, 3}},
    };
    struct harness *w = harness_new();

    ck_assert_ptr_null(in_flight_first(&w->f));
    ck_assert_ptr_null(in_flight_find(&w->f, 0, 0, SIZE));
    for (size_t o = 0; o < sizeof orders / sizeof orders[0]; o++) {
        for (uint32_t i = 0; i < 4; i++)
            add(w, i);
        for (uint32_t i = 0; i < 4; i++) {
            take(w, orders[o].taken[i]);
            ck_assert_ptr_null(in_flight_find(&w->f, 0, orders[o].taken[i], SIZE));
            if (i < 3)
                expect_first(w, orders[o].first[i]);
        }
        ck_assert_ptr_null(in_flight_first(&w->f));
    }
    harness_free(w);
}
END_TEST

START_TEST(only_the_requested_block_is_found)
{
    struct harness *w = harness_new();

    add(w, 1);
    add(w, 2);
    ck_assert_ptr_null(in_flight_find(&w->f, 1, 1, SIZE));
    ck_assert_ptr_null(in_flight_find(&w->f, 0, 3, SIZE));
    ck_assert_ptr_null(in_flight_find(&w->f, 0, 1, SIZE - 1));
    ck_assert_ptr_null(in_flight_find(&w->f, 0, 2, SIZE + 1));
    ck_assert_ptr_nonnull(in_flight_find(&w->f, 0, 2, SIZE));
    harness_free(w);
}
END_TEST

/* The first block is never answered; the others are, for many times the size of the ring. */
START_TEST(holes_are_closed_up_when_the_ring_is_full)
{
    struct harness *w = harness_new();
    uint32_t next = 0;

    w->f.first = w->f.last = UINT32_MAX - 700; /* the counters wrap as well */
    add(w, next++);
    while (next < 10 * IN_FLIGHT_SLOTS) {
        for (uint32_t i = 1; i < SESSION_IN_FLIGHT_MAX; i++)
            add(w, next + i - 1);
        for (uint32_t i = 1; i < SESSION_IN_FLIGHT_MAX; i += 2)
            take(w, next + i - 1);
        for (uint32_t i = 2; i < SESSION_IN_FLIGHT_MAX; i += 2)
            take(w, next + i - 1);
        next += SESSION_IN_FLIGHT_MAX - 1;
        expect_first(w, 0);
        ck_assert_uint_le(w->f.last - w->f.first, IN_FLIGHT_SLOTS);
    }
    take(w, 0);
    ck_assert_ptr_null(in_flight_first(&w->f));
    harness_free(w);
}
END_TEST

START_TEST(closing_up_keeps_the_order)
{
    struct harness *w = harness_new();

    for (uint32_t i = 0; i < IN_FLIGHT_SLOTS; i++) {
        add(w, i);
        if (i % 2)
            take(w, i);
    }
    add(w, IN_FLIGHT_SLOTS); /* makes room first */
    ck_assert_uint_eq(w->f.last - w->f.first, IN_FLIGHT_SLOTS / 2 + 1);
    for (uint32_t i = 0; i <= IN_FLIGHT_SLOTS; i += 2) {
        expect_first(w, i);
        in_flight_remove(&w->f, in_flight_first(&w->f));
    }
    ck_assert_ptr_null(in_flight_first(&w->f));
    harness_free(w);
}
END_TEST

START_TEST(a_header_is_compared_from_any_byte)
{
    static const uint8_t header[PIECE_HEADER + 1] = "\0\0\0\x6d\x07\0\0\0\0\0\0\0\x05";
    uint8_t wrong[PIECE_HEADER];
    struct harness *w = harness_new();

    add(w, 5);
    for (size_t from = 0; from <= PIECE_HEADER; from++) {
        for (size_t n = 0; n <= PIECE_HEADER - from; n++)
            ck_assert(in_flight_header_is(in_flight_first(&w->f), header + from, from, n));
    }
    for (size_t i = 0; i < PIECE_HEADER; i++) {
        memcpy(wrong, header, PIECE_HEADER);
        wrong[i] ^= 0x10;
        ck_assert(!in_flight_header_is(in_flight_first(&w->f), wrong, 0, i + 1));
        ck_assert(in_flight_header_is(in_flight_first(&w->f), wrong, 0, i));
    }
    harness_free(w);
}
END_TEST

START_TEST(aims_at_the_next_blocks_and_passes_over_holes)
{
    struct iovec iov[SESSION_IOV_MAX];
    struct harness *w = harness_new();
    size_t n_bytes = 7; /* that the caller aims at before the blocks */

    for (uint32_t i = 0; i < 5; i++)
        add(w, i);
    take(w, 1);
    take(w, 2);
    ck_assert_uint_eq(in_flight_aim(&w->f, 4, &w->x, iov, &n_bytes), 6);
    ck_assert_uint_eq(w->x.n_aimed, 3);
    ck_assert_uint_eq(n_bytes, 7 + 3 * (PIECE_HEADER + SIZE) - 4);
    ck_assert_ptr_eq(iov[0].iov_base, w->x.aimed[0].header + 4);
    ck_assert_uint_eq(iov[0].iov_len, PIECE_HEADER - 4);
    ck_assert_ptr_eq(iov[1].iov_base, w->data[0]);
    ck_assert_ptr_eq(iov[2].iov_base, w->x.aimed[1].header);
    ck_assert_uint_eq(iov[2].iov_len, PIECE_HEADER);
    ck_assert_ptr_eq(iov[3].iov_base, w->data[3]);
    ck_assert_ptr_eq(iov[5].iov_base, w->data[4]);
    ck_assert_uint_eq(iov[5].iov_len, SIZE);

    for (uint32_t i = 5; i < 5 + SCRATCH_AIMED_MAX; i++)
        add(w, i);
    n_bytes = 0;
    ck_assert_uint_eq(in_flight_aim(&w->f, 0, &w->x, iov, &n_bytes), 2 * SCRATCH_AIMED_MAX);
    ck_assert_uint_eq(n_bytes, SCRATCH_AIMED_MAX * (PIECE_HEADER + SIZE));
    harness_free(w);
}
END_TEST

/* Bytes that were read into the places of three blocks are gathered in the order of the stream, for
 * every length and from every header on. */
START_TEST(gathers_what_was_read_into_the_wrong_places)
{
    uint8_t stream[3 * (PIECE_HEADER + SIZE)];
    struct iovec iov[SESSION_IOV_MAX];
    size_t n_bytes;

    for (size_t i = 0; i < sizeof stream; i++)
        stream[i] = (uint8_t)(i * 7);
    for (unsigned k = 0; k < 3; k++) {
        for (size_t n = 1; n <= sizeof stream - k * (PIECE_HEADER + SIZE); n++) {
            struct harness *w = harness_new();
            const uint8_t *p = stream;

            for (uint32_t i = 0; i < 4; i++)
                add(w, i);
            take(w, 1); /* a hole on the way */
            n_bytes = 0;
            ck_assert_uint_eq(in_flight_aim(&w->f, 0, &w->x, iov, &n_bytes), 6);
            for (unsigned i = 0; i < 6; p += iov[i++].iov_len)
                memcpy(iov[i].iov_base, p, iov[i].iov_len);
            for (unsigned i = 0; i < k; i++)
                in_flight_remove(&w->f, in_flight_first(&w->f));
            w->x.bytes[0] = 0xee; /* gathered bytes follow what is there */
            w->x.end = 1;
            in_flight_gather(&w->f, &w->x, k, n);
            ck_assert_uint_eq(w->x.end, 1 + n);
            ck_assert_mem_eq(w->x.bytes + 1, stream + k * (PIECE_HEADER + SIZE), n);
            harness_free(w);
        }
    }
}
END_TEST

RUN_SUITE("in_flight", 30, blocks_are_taken_in_any_order, only_the_requested_block_is_found,
          holes_are_closed_up_when_the_ring_is_full, closing_up_keeps_the_order,
          a_header_is_compared_from_any_byte, aims_at_the_next_blocks_and_passes_over_holes,
          gathers_what_was_read_into_the_wrong_places);
