/* SPDX-License-Identifier: MIT */
#include "placement_fixture.h"

START_TEST(a_verified_piece_is_served_from_its_own_slot)
{
    static const enum allocation all[] = {ALLOCATION_SPARSE, ALLOCATION_FULL, ALLOCATION_COMPACT};

    for (unsigned i = 0; i < 3; i++) {
        begin(all[i]);
        for (uint32_t piece = 4; piece-- > 0;) {
            struct slot_moves moves;

            ck_assert(placement->ops->takes(placement, piece));
            if (placement_slot_of(placement, piece) == SLOT_NONE)
                placement->ops->place(placement, piece, &moves);
            books_add_partial(&books, piece);
            placement->ops->verify(placement, &books, piece);
            ck_assert_ptr_null(books.partials[piece]);
        }
        ck_assert_uint_eq(books.verified.n_set, 4);
        for (uint32_t piece = 0; piece < 4; piece++) {
            ck_assert_uint_eq(placement_slot_of(placement, piece), piece); /* all are there now */
            if (i < 2)
                ck_assert(bitfield_test(&books.have, piece));
        }
        end();
    }
}
END_TEST

RUN_SUITE("placement", 10, a_verified_piece_is_served_from_its_own_slot);
