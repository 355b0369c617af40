/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/piece/geometry.h"

START_TEST(the_last_piece_and_the_last_block_are_shorter)
{
    const struct geometry g = {
        .total_length = 2 * 65536 + 20000, .piece_length = 65536, .n_pieces = 3};

    ck_assert_uint_eq(geometry_piece_size(&g, 0), 65536);
    ck_assert_uint_eq(geometry_piece_size(&g, 1), 65536);
    ck_assert_uint_eq(geometry_piece_size(&g, 2), 20000);
    ck_assert_uint_eq(geometry_n_blocks(&g, 1), 4);
    ck_assert_uint_eq(geometry_n_blocks(&g, 2), 2);
    ck_assert_uint_eq(geometry_block_size(&g, 1, 3), 16384);
    ck_assert_uint_eq(geometry_block_size(&g, 2, 0), 16384);
    ck_assert_uint_eq(geometry_block_size(&g, 2, 1), 20000 - 16384);
}
END_TEST

START_TEST(exact_fits_have_no_short_end)
{
    const struct geometry g = {.total_length = 131072, .piece_length = 65536, .n_pieces = 2};

    ck_assert_uint_eq(geometry_piece_size(&g, 1), 65536);
    ck_assert_uint_eq(geometry_n_blocks(&g, 1), 4);
    ck_assert_uint_eq(geometry_block_size(&g, 1, 3), 16384);
}
END_TEST

START_TEST(odd_piece_lengths_end_every_piece_in_a_short_block)
{
    const struct geometry g = {.total_length = 100001, .piece_length = 50000, .n_pieces = 3};

    ck_assert_uint_eq(geometry_n_blocks(&g, 0), 4);
    ck_assert_uint_eq(geometry_block_size(&g, 0, 3), 50000 - 3 * 16384);
    ck_assert_uint_eq(geometry_piece_size(&g, 2), 1);
    ck_assert_uint_eq(geometry_n_blocks(&g, 2), 1);
    ck_assert_uint_eq(geometry_block_size(&g, 2, 0), 1);
}
END_TEST

START_TEST(huge_contents_do_not_overflow)
{
    const struct geometry g = {
        .total_length = (UINT64_C(1) << 42) - 5, .piece_length = 1u << 29, .n_pieces = 1u << 13};

    ck_assert_uint_eq(geometry_piece_size(&g, (1u << 13) - 1), (1u << 29) - 5);
    ck_assert_uint_eq(geometry_n_blocks(&g, (1u << 13) - 1), 1u << 15);
    ck_assert_uint_eq(geometry_block_size(&g, (1u << 13) - 1, (1u << 15) - 1), 16379);
}
END_TEST

RUN_SUITE("geometry", 10, the_last_piece_and_the_last_block_are_shorter,
          exact_fits_have_no_short_end, odd_piece_lengths_end_every_piece_in_a_short_block,
          huge_contents_do_not_overflow);
