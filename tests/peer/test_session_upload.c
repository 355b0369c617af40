/* SPDX-License-Identifier: MIT */
#include "session_harness.h"

#include <errno.h>

/* A peer that we do not choke. */
static void harness_serving(struct harness *w, enum protocol protocol)
{
    harness_init(w, protocol);
    session_set_choking(&w->s, false);
    SENT(w, "\0\0\0\x01\x01");
    w->s.we_have_all = true;
}

static void request(struct harness *w, uint8_t id, uint32_t piece, uint32_t begin, uint32_t length)
{
    uint8_t bytes[17] = {0, 0, 0, 13, id};

    put_be32(put_be32(put_be32(bytes + 5, piece), begin), length);
    harness_feed(w, bytes, sizeof bytes, sizeof bytes);
}

static void expect_upload(struct harness *w, uint32_t piece, uint32_t begin, uint32_t length)
{
    struct session_upload u;

    ck_assert_int_eq(session_next_upload(&w->s, &u), SESSION_UPLOAD_READY);
    ck_assert_uint_eq(u.piece, piece);
    ck_assert_uint_eq(u.begin, begin);
    ck_assert_uint_eq(u.length, length);
}

static void expect_no_upload(struct harness *w)
{
    struct session_upload u;

    ck_assert(!session_has_uploads(&w->s));
    ck_assert_int_eq(session_next_upload(&w->s, &u), SESSION_UPLOAD_NONE);
}

START_TEST(serves_in_the_order_of_the_requests)
{
    const struct session_upload u = {.piece = 1, .begin = 0x4000, .length = 0x2000};
    uint8_t header[13];
    struct harness w;

    harness_serving(&w, FAST);
    request(&w, 6, 1, 0x4000, 0x2000);
    request(&w, 6, 0, 1, 3);
    request(&w, 6, 1, 0x4000, 0x2000); /* repeated: served once */
    request(&w, 6, 1, 0x4000, 0x1000); /* not the same */
    harness_expect(&w, "requested ");
    ck_assert(session_has_uploads(&w.s));
    expect_upload(&w, 1, 0x4000, 0x2000);
    request(&w, 6, 1, 0x4000, 0x2000); /* again, after it was sent */
    expect_upload(&w, 0, 1, 3);
    expect_upload(&w, 1, 0x4000, 0x1000);
    expect_upload(&w, 1, 0x4000, 0x2000);
    expect_no_upload(&w);
    request(&w, 6, 2, 0, 131072 / 2);
    harness_expect(&w, "requested ");
    session_upload_header(&u, header);
    ck_assert_mem_eq(header, "\0\0\x20\x09\x07\0\0\0\x01\0\0\x40\0", 13);
    session_uploaded(&w.s, 8192, w.now);
    ck_assert_uint_eq(w.s.up.total, 8192);
    SENT(&w, "");
    harness_deinit(&w);
}
END_TEST

START_TEST(queues_requests_up_to_a_bound)
{
    struct harness w;

    for (enum protocol protocol = PLAIN; protocol <= FAST; protocol++) {
        harness_serving(&w, protocol);
        for (uint32_t i = 0; i < 500; i++)
            request(&w, 6, 3, i, 100);
        for (uint32_t i = 0; i < 400; i++)
            expect_upload(&w, 3, i, 100);
        for (uint32_t i = 500; i < 400 + SESSION_REQUESTS_MAX + 1; i++)
            request(&w, 6, 3, i, 100);
        if (protocol == FAST)
            SENT(&w, "\0\0\0\x0d\x10\0\0\0\x03\0\0\x05\x90\0\0\0\x64");
        else
            SENT(&w, "");
        for (uint32_t i = 400; i < 400 + SESSION_REQUESTS_MAX; i++)
            expect_upload(&w, 3, i, 100);
        expect_no_upload(&w);
        ck_assert_int_eq(w.error, 0);
        harness_deinit(&w);
    }
}
END_TEST

START_TEST(cancels_remove_a_request)
{
    struct harness w;

    for (enum protocol protocol = PLAIN; protocol <= FAST; protocol++) {
        harness_serving(&w, protocol);
        request(&w, 8, 3, 0, 0x4000); /* no queue at all */
        for (uint32_t i = 0; i < 4; i++)
            request(&w, 6, 3, i * 0x4000, 0x4000);
        request(&w, 8, 3, 0x4000, 0x4000);
        request(&w, 8, 3, 0x4000, 0x4000);
        request(&w, 8, 3, 0x8000, 0x2000);
        if (protocol == FAST)
            SENT(&w, "\0\0\0\x0d\x10\0\0\0\x03\0\0\x40\0\0\0\x40\0");
        else
            SENT(&w, "");
        expect_upload(&w, 3, 0, 0x4000);
        request(&w, 8, 3, 0, 0x4000); /* too late: the block is being sent */
        SENT(&w, "");
        expect_upload(&w, 3, 0x8000, 0x4000);
        expect_upload(&w, 3, 0xc000, 0x4000);
        expect_no_upload(&w);
        harness_deinit(&w);
    }
}
END_TEST

START_TEST(choking_refuses_queued_requests)
{
    struct harness w;

    harness_serving(&w, FAST);
    request(&w, 6, 3, 0, 0x4000);
    request(&w, 6, 3, 0x4000, 0x4000);
    session_set_choking(&w.s, true);
    SENT(&w, "\0\0\0\x01\0"
             "\0\0\0\x0d\x10\0\0\0\x03\0\0\0\0\0\0\x40\0"
             "\0\0\0\x0d\x10\0\0\0\x03\0\0\x40\0\0\0\x40\0");
    expect_no_upload(&w);
    request(&w, 6, 3, 0, 0x4000);
    SENT(&w, "\0\0\0\x0d\x10\0\0\0\x03\0\0\0\0\0\0\x40\0");
    harness_expect(&w, "requested ");
    session_set_choking(&w.s, false);
    SENT(&w, "\0\0\0\x01\x01");
    request(&w, 6, 3, 0, 0x4000);
    harness_expect(&w, "requested ");
    expect_upload(&w, 3, 0, 0x4000);
    harness_deinit(&w);

    harness_serving(&w, PLAIN);
    request(&w, 6, 3, 0, 0x4000);
    session_set_choking(&w.s, true);
    request(&w, 6, 3, 0, 0x4000);
    SENT(&w, "\0\0\0\x01\0");
    expect_no_upload(&w);
    harness_deinit(&w);
}
END_TEST

START_TEST(asks_once_whether_we_have_a_piece)
{
    struct session_upload u;
    struct harness w;

    harness_serving(&w, FAST);
    w.s.we_have_all = false;
    request(&w, 6, 3, 0, 0x4000);
    request(&w, 6, 4, 0, 0x4000);
    request(&w, 6, 3, 0x4000, 0x4000);
    request(&w, 6, 4, 0x4000, 0x4000);
    ck_assert_int_eq(session_next_upload(&w.s, &u), SESSION_UPLOAD_UNKNOWN);
    ck_assert_uint_eq(u.piece, 3);
    ck_assert_int_eq(session_next_upload(&w.s, &u), SESSION_UPLOAD_UNKNOWN);
    session_know_piece(&w.s, 3, true);
    expect_upload(&w, 3, 0, 0x4000);
    ck_assert_int_eq(session_next_upload(&w.s, &u), SESSION_UPLOAD_UNKNOWN);
    ck_assert_uint_eq(u.piece, 4);
    session_know_piece(&w.s, 4, false);
    SENT(&w, "\0\0\0\x0d\x10\0\0\0\x04\0\0\0\0\0\0\x40\0"
             "\0\0\0\x0d\x10\0\0\0\x04\0\0\x40\0\0\0\x40\0");
    expect_upload(&w, 3, 0x4000, 0x4000);
    expect_no_upload(&w);
    /* We may have received it since. */
    request(&w, 6, 4, 0, 0x4000);
    ck_assert_int_eq(session_next_upload(&w.s, &u), SESSION_UPLOAD_UNKNOWN);
    session_know_piece(&w.s, 4, true);
    expect_upload(&w, 4, 0, 0x4000);
    /* The last few replies are remembered, however many there were. */
    for (uint32_t i = 0; i < 1000; i++)
        session_know_piece(&w.s, i % 10, true);
    for (uint32_t i = 2; i < 10; i++) {
        request(&w, 6, i, 0, 100);
        expect_upload(&w, i, 0, 100);
    }
    request(&w, 6, 0, 0, 100);
    ck_assert_int_eq(session_next_upload(&w.s, &u), SESSION_UPLOAD_UNKNOWN);
    harness_deinit(&w);
}
END_TEST

/* Refuses N requests and drops the output, as a peer that reads it. */
static void refuse_many(struct harness *w, unsigned n)
{
    const uint8_t *bytes;

    for (unsigned i = 0; i < n; i++) {
        request(w, 6, i % 9, 0, 16384);
        session_output_sent(&w->s, session_output(&w->s, &bytes), w->now);
    }
}

START_TEST(requests_while_choked_are_refused_within_a_bound)
{
    struct harness w;

    harness_init(&w, FAST);
    refuse_many(&w, SESSION_REFUSED_MAX);
    ck_assert_int_eq(w.error, 0);
    session_set_choking(&w.s, false); /* begins anew */
    session_set_choking(&w.s, true);
    refuse_many(&w, SESSION_REFUSED_MAX);
    ck_assert_int_eq(w.error, 0);
    refuse_many(&w, 1);
    ck_assert_int_eq(w.error, -EPROTO);
    ck_assert_str_eq(w.s.reason, "requests blocks although we refuse them");
    harness_deinit(&w);
}
END_TEST

/* The queue overflows, but it is served all the time. */
START_TEST(a_peer_that_is_served_may_ask_for_too_much)
{
    struct session_upload u;
    struct harness w;

    harness_serving(&w, FAST);
    for (unsigned i = 0; i < 4 * SESSION_REFUSED_MAX; i++) {
        request(&w, 6, i % 9, i % 4 * 16384 + i % 1000, 1 + i % 3);
        if (session_has_uploads(&w.s) && i % 2)
            ck_assert_int_eq(session_next_upload(&w.s, &u), SESSION_UPLOAD_READY);
        session_output_sent(&w.s, w.s.out_end - w.s.out_at, w.now);
        ck_assert_int_eq(w.error, 0);
    }
    harness_deinit(&w);
}
END_TEST

RUN_SUITE("session_upload", 60, requests_while_choked_are_refused_within_a_bound,
          a_peer_that_is_served_may_ask_for_too_much, serves_in_the_order_of_the_requests,
          queues_requests_up_to_a_bound, cancels_remove_a_request, choking_refuses_queued_requests,
          asks_once_whether_we_have_a_piece);
