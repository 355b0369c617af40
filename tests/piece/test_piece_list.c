/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/piece/piece_list.h"

START_TEST(a_full_list_takes_only_what_it_has)
{
    struct piece_list l = PIECE_LIST_EMPTY;

    for (uint32_t i = 0; i < PIECE_LIST_MAX; i++) {
        ck_assert(piece_list_add(&l, i));
        ck_assert(piece_list_add(&l, i));
        ck_assert_uint_eq(l.n, i + 1);
    }
    ck_assert(!piece_list_add(&l, PIECE_LIST_MAX));
    ck_assert(piece_list_add(&l, 0));
    ck_assert_uint_eq(l.n, PIECE_LIST_MAX);
}
END_TEST

START_TEST(the_newest_displace_the_oldest)
{
    struct piece_list l = PIECE_LIST_EMPTY;

    for (uint32_t i = 0; i < PIECE_LIST_MAX + 2; i++)
        piece_list_add_newest(&l, i);
    ck_assert_uint_eq(l.n, PIECE_LIST_MAX);
    ck_assert_uint_eq(l.pieces[0], 2);
    ck_assert_uint_eq(l.pieces[l.n - 1], PIECE_LIST_MAX + 1);
    piece_list_add_newest(&l, 2);
    ck_assert_uint_eq(l.n, PIECE_LIST_MAX);
    ck_assert_uint_eq(l.pieces[0], 3);
    ck_assert_uint_eq(l.pieces[l.n - 1], 2);
}
END_TEST

RUN_SUITE("Piece list", 2, a_full_list_takes_only_what_it_has, the_newest_displace_the_oldest);
