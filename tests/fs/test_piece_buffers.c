/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdlib.h>

#include "conjure/fs/piece_buffers.h"

START_TEST(an_exchange_gives_a_buffer_until_there_is_no_room)
{
    struct piece_buffers b = PIECE_BUFFERS_EMPTY;
    uint8_t *held[PIECE_BUFFERS_MAX];

    for (unsigned i = 0; i < PIECE_BUFFERS_MAX; i++) {
        held[i] = piece_buffers_exchange(&b);
        ck_assert_ptr_nonnull(held[i]);
        for (unsigned j = 0; j < i; j++)
            ck_assert_ptr_ne(held[i], held[j]);
    }
    ck_assert_uint_eq(b.n_held, PIECE_BUFFERS_MAX);
    ck_assert_ptr_null(piece_buffers_exchange(&b));
    for (unsigned i = 0; i < PIECE_BUFFERS_MAX; i++)
        piece_buffers_release(&b, held[i]);
    ck_assert_uint_eq(b.n_held, 0);
    piece_buffers_deinit(&b);
    piece_buffers_deinit(&b);
}
END_TEST

START_TEST(a_released_buffer_is_used_again_or_freed)
{
    struct piece_buffers b = PIECE_BUFFERS_EMPTY;
    uint8_t *first = piece_buffers_exchange(&b), *second = piece_buffers_exchange(&b);

    piece_buffers_release(&b, first);
    ck_assert_uint_eq(b.n_spare, 1);
    ck_assert_ptr_eq(piece_buffers_exchange(&b), first);
    ck_assert_uint_eq(b.n_spare, 0);
    piece_buffers_release(&b, second);
    piece_buffers_release(&b, first);
    ck_assert_uint_eq(b.n_spare, 2);
    piece_buffers_shrink(&b);
    ck_assert_uint_eq(b.n_spare, 0);
    piece_buffers_deinit(&b);
}
END_TEST

RUN_SUITE("piece buffers", 10, an_exchange_gives_a_buffer_until_there_is_no_room,
          a_released_buffer_is_used_again_or_freed);
