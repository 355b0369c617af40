/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "peer/upload_queue.h"

static int add(struct upload_queue *q, uint32_t piece, uint32_t begin)
{
    const struct session_upload u = {piece, begin, 100};

    return upload_queue_add(q, &u);
}

static bool drop(struct upload_queue *q, uint32_t piece, uint32_t begin, uint32_t length)
{
    const struct session_upload u = {piece, begin, length};

    return upload_queue_remove(q, &u);
}

/* The queue is PIECE:BEGIN of each request, in this order; empties it. */
static void expect(struct upload_queue *q, const uint32_t (*requests)[2], uint32_t n)
{
    ck_assert_uint_eq(q->n, n);
    for (uint32_t i = 0; i < n; i++) {
        ck_assert_uint_eq(upload_queue_at(q, 0)->piece, requests[i][0]);
        ck_assert_uint_eq(upload_queue_at(q, 0)->begin, requests[i][1]);
        upload_queue_pop(q);
    }
    ck_assert_uint_eq(q->n, 0);
    for (uint32_t i = 0; i < UPLOAD_QUEUE_FILTER; i++)
        ck_assert_uint_eq(q->filter[i], 0);
}
#define EXPECT(q, ...)                              \
    expect((q), (const uint32_t[][2]){__VA_ARGS__}, \
           sizeof(const uint32_t[][2]){__VA_ARGS__} / sizeof(const uint32_t[2]))

START_TEST(keeps_the_order_and_each_request_once)
{
    struct upload_queue *q = upload_queue_new();

    ck_assert_int_eq(add(q, 3, 0), 0);
    ck_assert_int_eq(add(q, 1, 16384), 0);
    ck_assert_int_eq(add(q, 3, 0), UPLOAD_QUEUE_QUEUED);
    ck_assert_int_eq(add(q, 1, 16385), 0); /* the same hash */
    ck_assert_int_eq(add(q, 1, 16385), UPLOAD_QUEUE_QUEUED);
    EXPECT(q, {3, 0}, {1, 16384}, {1, 16385});
    ck_assert_int_eq(add(q, 3, 0), 0); /* after it was taken */
    EXPECT(q, {3, 0});
    upload_queue_free(q);
    upload_queue_free(NULL);
}
END_TEST

START_TEST(requests_are_removed_singly_by_piece_and_all)
{
    struct upload_queue *q = upload_queue_new();

    ck_assert(!drop(q, 0, 0, 100));
    for (uint32_t i = 0; i < 6; i++)
        ck_assert_int_eq(add(q, i % 3, i), 0);
    ck_assert(!drop(q, 1, 1, 99));
    ck_assert(drop(q, 1, 1, 100));
    ck_assert(!drop(q, 1, 1, 100));
    upload_queue_remove_piece(q, 2);
    upload_queue_remove_piece(q, 7);
    EXPECT(q, {0, 0}, {0, 3}, {1, 4});
    for (uint32_t i = 0; i < 6; i++)
        ck_assert_int_eq(add(q, i % 3, i), 0);
    upload_queue_clear(q);
    ck_assert_uint_eq(q->n, 0);
    ck_assert_int_eq(add(q, 0, 0), 0);
    EXPECT(q, {0, 0});
    upload_queue_free(q);
}
END_TEST

/* It grows while it has wrapped around. */
START_TEST(grows_to_its_bound)
{
    struct upload_queue *q = upload_queue_new();
    uint32_t first = 0;

    for (uint32_t i = 0; i < 5000; i++) {
        if (q->n == SESSION_REQUESTS_MAX) {
            ck_assert_int_eq(add(q, 9, i), UPLOAD_QUEUE_FULL);
            upload_queue_pop(q);
            first++;
        }
        ck_assert_int_eq(add(q, 9, i), 0);
        if (i % 3 == 0) {
            ck_assert_uint_eq(upload_queue_at(q, 0)->begin, first);
            upload_queue_pop(q);
            first++;
        }
    }
    ck_assert_uint_eq(q->n_slots, SESSION_REQUESTS_MAX);
    for (uint32_t i = 0; i < q->n; i++)
        ck_assert_uint_eq(upload_queue_at(q, i)->begin, first + i);
    upload_queue_free(q);
}
END_TEST

START_TEST(knows_the_last_pieces)
{
    struct upload_queue *q = upload_queue_new();

    ck_assert(!upload_queue_knows(q, 0));
    for (uint32_t i = 0; i < 1000; i++) {
        upload_queue_add_known(q, i);
        upload_queue_add_known(q, i); /* replaces no other piece */
        for (uint32_t k = 0; k <= i && k < UPLOAD_QUEUE_KNOWN; k++)
            ck_assert(upload_queue_knows(q, i - k));
        ck_assert(!upload_queue_knows(q, i + 1));
        if (i >= UPLOAD_QUEUE_KNOWN)
            ck_assert(!upload_queue_knows(q, i - UPLOAD_QUEUE_KNOWN));
    }
    upload_queue_free(q);
}
END_TEST

RUN_SUITE("upload_queue", 10, keeps_the_order_and_each_request_once,
          requests_are_removed_singly_by_piece_and_all, grows_to_its_bound, knows_the_last_pieces);
