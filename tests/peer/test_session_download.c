/* SPDX-License-Identifier: MIT */
#include "session_harness.h"

#include <errno.h>

#define S UINT64_C(1000000000)

static uint8_t buffer[1 << 20];

START_TEST(asks_for_the_blocks_of_a_claim)
{
    const struct claim c = {.id = 1, .piece = 9, .first_block = 0, .n_blocks = 2, .blocks = 3};
    const struct claim d = {.id = 2, .piece = 4, .first_block = 1, .n_blocks = 3, .blocks = 5};
    struct harness w;

    harness_init(&w, FAST);
    FEED(&w, "\0\0\0\x01\x01");
    ck_assert_int_eq(session_add_claim(&w.s, &c, calloc(1, 24576), w.now), 0);
    SENT(&w, "\0\0\0\x0d\x06\0\0\0\x09\0\0\0\0\0\0\x40\0"
             "\0\0\0\x0d\x06\0\0\0\x09\0\0\x40\0\0\0\x20\0");
    ck_assert_int_eq(session_add_claim(&w.s, &d, calloc(1, 49152), w.now), 0);
    SENT(&w, "\0\0\0\x0d\x06\0\0\0\x04\0\0\x40\0\0\0\x40\0"
             "\0\0\0\x0d\x06\0\0\0\x04\0\0\xc0\0\0\0\x40\0");
    ck_assert_uint_eq(session_n_in_flight(&w.s), 4);
    harness_deinit(&w);
}
END_TEST

START_TEST(blocks_that_we_did_not_request_are_skipped_up_to_a_bound)
{
    struct harness w;
    uint8_t *end;

    harness_init_requesting(&w, FAST);
    end = put_block(&w.geometry, 5, 0, buffer);
    for (unsigned i = 0; i < (4 << 20) / 16397; i++)
        harness_feed(&w, buffer, (size_t)(end - buffer), 10000);
    ck_assert_int_eq(w.error, 0);
    ck_assert_uint_eq(w.s.down.total, 0);
    harness_feed(&w, buffer, (size_t)(end - buffer), 1 << 20);
    ck_assert_int_eq(w.error, -EPROTO);
    harness_deinit(&w);

    /* Empty blocks count, too. */
    harness_init_requesting(&w, FAST);
    w.s.n_unasked = SESSION_UNASKED_MAX - 13;
    FEED(&w, "\0\0\0\x09\x07\0\0\0\x02\0\0\0\0");
    ck_assert_int_eq(w.error, 0);
    FEED(&w, "\0\0\0\x09\x07\0\0\0\x02\0\0\0\0");
    ck_assert_int_eq(w.error, -EPROTO);
    harness_deinit(&w);
}
END_TEST

START_TEST(a_choke_without_fast_drops_what_is_in_flight)
{
    struct harness w;
    uint8_t *end;

    harness_init_requesting(&w, PLAIN);
    harness_claim(&w, 8, 3, 0, 4, 0xf);
    end = put_block(&w.geometry, 2, 0, buffer);
    end = put_block(&w.geometry, 2, 1, end);
    harness_feed(&w, buffer, (size_t)(end - buffer), 1 << 20);
    FEED(&w, "\0\0\0\x01\0");
    harness_expect(&w, "choked done-7:3 done-8:0 ");
    check_done(&w, 2);
    ck_assert_uint_eq(session_blocks_wanted(&w.s, w.now), 0);

    /* Blocks that were on their way may arrive: they do not count. */
    for (uint32_t i = 2; i < 4; i++) {
        end = put_block(&w.geometry, 2, i, buffer);
        harness_feed(&w, buffer, (size_t)(end - buffer), 1000);
    }
    ck_assert_int_eq(w.error, 0);
    ck_assert_uint_eq(w.s.n_unasked, 0);
    for (uint32_t i = 0; i < 4; i++) {
        end = put_block(&w.geometry, 3, i, buffer);
        harness_feed(&w, buffer, (size_t)(end - buffer), 1000);
    }
    ck_assert_uint_eq(w.s.n_unasked, 0);
    harness_feed(&w, buffer, (size_t)(end - buffer), 1000);
    ck_assert_uint_eq(w.s.n_unasked, 16384 + 13);
    harness_deinit(&w);
}
END_TEST

START_TEST(a_choke_with_fast_waits_for_rejects)
{
    struct harness w;
    uint8_t *end;

    harness_init_requesting(&w, FAST);
    FEED(&w, "\0\0\0\x01\0");
    harness_expect(&w, "choked ");
    ck_assert_uint_eq(session_n_in_flight(&w.s), 4);
    end = put_block(&w.geometry, 2, 0, buffer);
    harness_feed(&w, buffer, (size_t)(end - buffer), 1 << 20);
    FEED(&w, "\0\0\0\x0d\x10\0\0\0\x02\0\0\xc0\0\0\0\x40\0"
             "\0\0\0\x0d\x10\0\0\0\x02\0\0\x40\0\0\0\x40\0");
    harness_expect(&w, "");
    FEED(&w, "\0\0\0\x0d\x10\0\0\0\x02\0\0\x80\0\0\0\x40\0");
    harness_expect(&w, "done-7:1 ");
    check_done(&w, 1);
    harness_deinit(&w);

    /* A reject while we are not choked: the peer does not serve this piece. */
    harness_init_requesting(&w, FAST);
    FEED(&w, "\0\0\0\x0d\x10\0\0\0\x02\0\0\x40\0\0\0\x40\0");
    harness_expect(&w, "refused-2 ");
    FEED(&w, "\0\0\0\x0d\x10\0\0\0\x02\0\0\x40\0\0\0\x40\0");
    harness_expect(&w, "");
    ck_assert_uint_gt(w.s.n_unasked, 0);
    harness_deinit(&w);
}
END_TEST

START_TEST(a_claim_after_the_choke_is_done_at_once)
{
    const struct claim c = {.id = 3, .piece = 1, .first_block = 0, .n_blocks = 4, .blocks = 0xf};
    struct harness w;

    harness_init(&w, FAST);
    FEED(&w, "\0\0\0\x01\x01\0\0\0\x01\0");
    ck_assert_int_eq(session_add_claim(&w.s, &c, calloc(1, 65536), w.now), 0);
    SENT(&w, "");
    harness_events(&w);
    harness_expect(&w, "unchoked choked done-3:0 ");
    check_done(&w, 1);
    harness_deinit(&w);
}
END_TEST

START_TEST(cancels_are_sent_and_end_the_claim)
{
    struct harness w;
    uint8_t *end;

    harness_init_requesting(&w, FAST);
    end = put_block(&w.geometry, 2, 0, buffer);
    /* Block 0 arrives: the rest of it is skipped. */
    harness_feed(&w, buffer, 5000, 5000);
    session_cancel(&w.s, 3, 0, 0xf); /* another piece */
    SENT(&w, "");
    session_cancel(&w.s, 2, 0, 0x3);
    SENT(&w, "\0\0\0\x0d\x08\0\0\0\x02\0\0\x40\0\0\0\x40\0");
    ck_assert_uint_eq(session_n_in_flight(&w.s), 2);
    harness_events(&w);
    harness_expect(&w, "");
    harness_feed(&w, buffer + 5000, (size_t)(end - buffer) - 5000, 700);
    /* Counted from another block than the claim's first. */
    end = put_block(&w.geometry, 2, 2, buffer);
    harness_feed(&w, buffer, (size_t)(end - buffer), 1 << 20);
    session_cancel(&w.s, 2, 3, 0x1);
    SENT(&w, "\0\0\0\x0d\x08\0\0\0\x02\0\0\xc0\0\0\0\x40\0");
    harness_events(&w);
    harness_expect(&w, "done-7:4 ");
    check_done(&w, 1);
    ck_assert_int_eq(w.error, 0);
    harness_deinit(&w);

    /* Cancels that begin before the claim. */
    harness_init(&w, FAST);
    FEED(&w, "\0\0\0\x01\x01");
    harness_claim(&w, 1, 2, 2, 2, 0x3);
    session_cancel(&w.s, 2, 0, 0x7);
    SENT(&w, "\0\0\0\x0d\x08\0\0\0\x02\0\0\x80\0\0\0\x40\0");
    ck_assert_uint_eq(session_n_in_flight(&w.s), 1);
    session_cancel(&w.s, 2, 1000, UINT64_MAX);
    ck_assert_uint_eq(session_n_in_flight(&w.s), 1);
    harness_deinit(&w);
}
END_TEST

START_TEST(claims_can_be_dropped_at_any_time)
{
    struct session_claim c;
    struct harness w;
    uint8_t *end;

    harness_init_requesting(&w, FAST);
    end = put_block(&w.geometry, 2, 0, buffer);
    put_block(&w.geometry, 2, 1, end);
    harness_feed(&w, buffer, (size_t)(end - buffer) + 100, 1 << 20);
    ck_assert(session_drop_claim(&w.s, &c));
    ck_assert_uint_eq(c.claim.id, 7);
    ck_assert_uint_eq(c.received, 1);
    check_claim(&w.geometry, &c);
    free(c.data);
    ck_assert(!session_drop_claim(&w.s, &c));
    ck_assert_uint_eq(session_n_in_flight(&w.s), 0);
    /* The rest of the block that arrives has no place any more. */
    harness_feed(&w, end + 100, 13 + 16384 - 100, 1000);
    FEED(&w, "\0\0\0\x05\x04\0\0\0\x03");
    harness_expect(&w, "have-3 ");
    harness_deinit(&w);
}
END_TEST

/* Claims as many blocks as are wanted, as a driver does, in the order of the content. */
static void ask(struct harness *w, uint32_t *nextp)
{
    for (uint32_t n; (n = session_blocks_wanted(&w->s, w->now)) > 0;) {
        uint32_t first = *nextp % 64;

        n = n < 64 - first ? n : 64 - first;
        harness_claim(w, 1, *nextp / 64, first, n, n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1);
        *nextp += n;
    }
}

static void receive(struct harness *w, uint32_t *camep, uint64_t after_ns)
{
    uint8_t *end = put_block(&w->geometry, *camep / 64, *camep % 64, buffer);

    ++*camep;
    w->now += after_ns;
    harness_feed(w, buffer, (size_t)(end - buffer), 1 << 20);
    while (w->n_done)
        free(w->done[--w->n_done].data);
    w->n_log = 0;
}

START_TEST(depth_follows_the_rate_in_batches)
{
    struct harness w;
    uint32_t next = 0, came = 0, depth;

    harness_init(&w, FAST);
    w.geometry = (struct geometry){
        .total_length = UINT64_C(1000) << 20, .piece_length = 1 << 20, .n_pieces = 1000};
    ck_assert_uint_eq(session_blocks_wanted(&w.s, w.now), 0);
    FEED(&w, "\0\0\0\x01\x01");
    ask(&w, &next);
    ck_assert_uint_eq(session_n_in_flight(&w.s), 32);
    while (came < 15) {
        receive(&w, &came, S / 1000);
        ck_assert_uint_eq(session_blocks_wanted(&w.s, w.now), 0);
    }
    receive(&w, &came, S / 1000);
    ck_assert_uint_eq(session_blocks_wanted(&w.s, w.now), 64 - 16);
    ask(&w, &next);
    /* A thousand a second: more than we keep in flight. */
    for (depth = 0; came < 1000; ask(&w, &next)) {
        receive(&w, &came, S / 1000);
        depth = session_n_in_flight(&w.s);
    }
    ck_assert_uint_ge(depth, 128);
    while (session_n_in_flight(&w.s) > 128) {
        ck_assert_uint_eq(session_blocks_wanted(&w.s, w.now), 0);
        receive(&w, &came, S / 1000);
    }
    /* No more than the peer queues (BEP 10). */
    w.s.peer_reqq = 1000;
    ck_assert_uint_eq(session_blocks_wanted(&w.s, w.now), 256 - 128);
    w.s.peer_reqq = 250;
    ck_assert_uint_eq(session_blocks_wanted(&w.s, w.now), 0);
    while (session_n_in_flight(&w.s) > 125)
        receive(&w, &came, S / 1000);
    ck_assert_uint_eq(session_blocks_wanted(&w.s, w.now), 250 - 125);
    w.s.peer_reqq = 0;
    /* Ten a second, for long enough that the meter has forgotten the rate before. */
    for (unsigned i = 0; i < 1000; i++) {
        receive(&w, &came, S / 10);
        ask(&w, &next);
    }
    ck_assert_uint_ge(session_n_in_flight(&w.s), 5);
    ck_assert_uint_le(session_n_in_flight(&w.s), 11);
    /* One in ten seconds. */
    for (unsigned i = 0; i < 40; i++) {
        receive(&w, &came, 10 * S);
        ask(&w, &next);
    }
    ck_assert_uint_ge(session_n_in_flight(&w.s), 2);
    ck_assert_uint_le(session_n_in_flight(&w.s), 4);
    harness_deinit(&w);
}
END_TEST

/* The peer never sends the oldest block, and sends all others. */
START_TEST(a_block_that_does_not_arrive_delays_no_other)
{
    struct harness w;

    harness_init_requesting(&w, FAST);
    for (uint32_t round = 0; round < 400; round++) {
        uint32_t piece = 3 + round % 6;
        uint8_t *p = buffer;

        harness_claim(&w, 8, piece, 0, 4, 0xf);
        for (uint32_t i = 0; i < 4; i++)
            p = put_block(&w.geometry, piece, i, p);
        harness_feed(&w, buffer, (size_t)(p - buffer), 1 << 20);
        harness_expect(&w, "done-8:f ");
        w.n_done = 0;
        check_claim(&w.geometry, &w.done[0]);
        free(w.done[0].data);
        ck_assert_uint_eq(session_n_in_flight(&w.s), 4);
    }
    for (uint32_t i = 0; i < 4; i++) {
        uint8_t *p = put_block(&w.geometry, 2, i, buffer);

        harness_feed(&w, buffer, (size_t)(p - buffer), 5000);
    }
    harness_expect(&w, "done-7:f ");
    check_done(&w, 1);
    harness_deinit(&w);
}
END_TEST

START_TEST(a_peer_that_sends_no_block_is_snubbing)
{
    struct harness w;
    uint8_t *end;

    harness_init_requesting(&w, FAST);
    w.now += 59 * S;
    ck_assert(!session_is_snubbed(&w.s, w.now));
    end = put_block(&w.geometry, 2, 0, buffer);
    harness_feed(&w, buffer, (size_t)(end - buffer), 1 << 20);
    w.now += 59 * S;
    ck_assert(!session_is_snubbed(&w.s, w.now));
    w.now += 2 * S;
    ck_assert(session_is_snubbed(&w.s, w.now));
    session_cancel(&w.s, 2, 0, 0xf);
    ck_assert(!session_is_snubbed(&w.s, w.now));
    harness_deinit(&w);
}
END_TEST

START_TEST(blocks_and_claims_in_flight_are_bounded)
{
    struct claim c = {.id = 1, .n_blocks = 64, .blocks = UINT64_MAX};
    struct harness w;

    harness_init(&w, FAST);
    w.geometry.n_pieces = 1000;
    w.geometry.piece_length = 1 << 20;
    w.geometry.total_length = UINT64_C(1000) << 20;
    FEED(&w, "\0\0\0\x01\x01");
    for (c.piece = 0; c.piece < 8; c.piece++)
        ck_assert_int_eq(session_add_claim(&w.s, &c, NULL, w.now), 0);
    ck_assert_uint_eq(session_n_in_flight(&w.s), 512);
    ck_assert_int_eq(session_add_claim(&w.s, &c, NULL, w.now), SESSION_FULL);
    harness_deinit(&w);

    /* Small pieces: claims run out first. */
    harness_init(&w, FAST);
    w.geometry.n_pieces = 1000;
    w.geometry.piece_length = 16384;
    w.geometry.total_length = UINT64_C(1000) << 14;
    FEED(&w, "\0\0\0\x01\x01");
    ck_assert_uint_eq(session_blocks_wanted(&w.s, w.now), 32);
    c.n_blocks = 1;
    c.blocks = 1;
    for (c.piece = 0; c.piece < 32; c.piece++)
        ck_assert_int_eq(session_add_claim(&w.s, &c, NULL, w.now), 0);
    ck_assert_uint_eq(session_blocks_wanted(&w.s, w.now), 0);
    ck_assert_int_eq(session_add_claim(&w.s, &c, NULL, w.now), SESSION_FULL);
    harness_deinit(&w);
}
END_TEST

RUN_SUITE("session_download", 60, asks_for_the_blocks_of_a_claim,
          blocks_that_we_did_not_request_are_skipped_up_to_a_bound,
          a_choke_without_fast_drops_what_is_in_flight, a_choke_with_fast_waits_for_rejects,
          a_claim_after_the_choke_is_done_at_once, cancels_are_sent_and_end_the_claim,
          claims_can_be_dropped_at_any_time, depth_follows_the_rate_in_batches,
          a_block_that_does_not_arrive_delays_no_other, a_peer_that_sends_no_block_is_snubbing,
          blocks_and_claims_in_flight_are_bounded);
