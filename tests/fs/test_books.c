/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "fs/bits.h"
#include "fs/books.h"

/* Pieces of four blocks; the last one has one. */
static const struct geometry geometry = {
    .total_length = 9 * 4 * BLOCK_SIZE + 5, .piece_length = 4 * BLOCK_SIZE, .n_pieces = 10};
static const struct addr bob = {.ip = {10, 0, 0, 2}, .port = 2, .family = AF_INET};
static struct piece_buffers buffers;
static struct books b;

static void begin(void)
{
    ck_assert_int_eq(books_init(&b, &geometry, &buffers), 0);
}

static void end(void)
{
    books_deinit(&b);
    books_deinit(&b);
    piece_buffers_deinit(&buffers);
}

static struct partial *write_all(uint32_t piece)
{
    struct partial *p = books_add_partial(&b, piece);

    partial_begin_write(p, 0, 15);
    books_end_write(&b, p, 0, 15, &bob);
    return p;
}

START_TEST(a_block_is_missing_until_its_write_begins_and_again_when_it_fails)
{
    struct partial *p;

    begin();
    p = books_add_partial(&b, 1);
    ck_assert_ptr_eq(books_add_partial(&b, 1), p);
    ck_assert_uint_eq(partial_missing(p, 1, 7), 7);
    partial_begin_write(p, 1, 3);
    ck_assert_uint_eq(partial_missing(p, 1, 7), 4);
    ck_assert_uint_eq(partial_missing(p, 0, 15), 9);
    partial_fail_write(p, 1, 1);
    ck_assert_uint_eq(partial_missing(p, 0, 15), 11);
    books_end_write(&b, p, 2, 1, &bob);
    ck_assert(bit_test(p->on_disk, 2) && !bit_test(p->on_disk, 1));
    ck_assert(addr_equal(&p->from[2], &bob) && !p->from[1].family);
    ck_assert_uint_eq(p->n_stored, 1);
    partial_add_block(p, 2); /* twice is once */
    ck_assert_uint_eq(p->n_stored, 1);
    ck_assert_int_eq(p->state, PARTIAL_OPEN);
    end();
}
END_TEST

START_TEST(full_pieces_wait_for_their_hash_in_order)
{
    begin();
    for (uint32_t piece = 0; piece < 5; piece++)
        ck_assert_int_eq(write_all(piece)->state, PARTIAL_WAITING);
    ck_assert_uint_eq(b.n_unhashed, 5);
    books_drop_partial(&b, 2);
    books_drop_partial(&b, 4); /* the last one */
    books_drop_partial(&b, 9); /* has no record */
    ck_assert_uint_eq(b.n_unhashed, 3);
    write_all(6);
    for (unsigned i = 0; i < 4; i++) {
        static const uint32_t order[] = {0, 1, 3, 6};
        struct partial *p = b.unhashed_first;

        ck_assert_uint_eq(p->piece, order[i]);
        books_unqueue(&b, NULL, p);
        p->state = PARTIAL_HASHING;
    }
    ck_assert_ptr_null(b.unhashed_last);
    end();
}
END_TEST

START_TEST(a_buffer_is_released_with_its_record)
{
    uint8_t *other;

    begin();
    for (uint32_t piece = 0; piece < 3; piece++) {
        struct partial *p = write_all(piece);

        p->buffer = malloc((size_t)64 * BLOCK_SIZE);
        other = piece_buffers_exchange(&buffers);
        free(other);
    }
    books_verify(&b, 0, PIECE_IN_OWN_SLOT);
    books_drop_partial(&b, 1);
    ck_assert_uint_eq(buffers.n_held, 1);
    ck_assert_uint_eq(buffers.n_spare, 2);
    ck_assert(bitfield_test(&b.have, 0) && bitfield_test(&b.verified, 0));
    end();
    ck_assert_uint_eq(buffers.n_held, 0);
}
END_TEST

START_TEST(stored_blocks_are_those_of_partial_pieces_and_of_guests)
{
    struct stored_blocks stored;

    begin();
    ck_assert_int_eq(books_list_stored(&b, &stored), 0);
    ck_assert(!stored.n && !stored.runs);
    partial_begin_write(books_add_partial(&b, 3), 0, 1); /* not on disk yet */
    partial_add_block(books_add_partial(&b, 5), 2);
    books_verify(&b, 6, PIECE_IN_OWN_SLOT);
    books_verify(&b, 9, PIECE_IN_OTHER_SLOT);
    ck_assert_int_eq(books_list_stored(&b, &stored), 0);
    ck_assert_uint_eq(stored.n, 2);
    ck_assert(stored.runs[0].piece == 5 && stored.runs[0].blocks == 4);
    ck_assert(stored.runs[1].piece == 9 && stored.runs[1].blocks == 1);
    stored_blocks_deinit(&stored);
    end();
}
END_TEST

RUN_SUITE("books", 10, a_block_is_missing_until_its_write_begins_and_again_when_it_fails,
          full_pieces_wait_for_their_hash_in_order, a_buffer_is_released_with_its_record,
          stored_blocks_are_those_of_partial_pieces_and_of_guests);
