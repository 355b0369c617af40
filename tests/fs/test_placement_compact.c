/* SPDX-License-Identifier: MIT */
#include "placement_fixture.h"

enum {
    IDLE,
    BUSY,
};

START_TEST(compact_scans_all_slots_before_a_piece_is_verified)
{
    const uint8_t *expected;
    uint8_t other[SHA1_SIZE];

    begin(ALLOCATION_COMPACT);
    ck_assert(!placement->ops->takes(placement, 4));
    ck_assert(!placement->ops->stamps_vouch && placement->ops->one_job_at_a_time);
    ck_assert_int_eq(placement->ops->may_save(placement, &books, BUSY), SAVE_LATER);
    bitfield_set(&books.doubtful, 0);
    bitfield_set(&books.doubtful, 1);
    ck_assert_int_eq(placement->ops->may_save(placement, &books, IDLE), SAVE_NOTHING);
    ck_assert_int_eq(placement->ops->begin_check(placement, &books, CHECK_ALL), 0);
    ck_assert_int_eq(placement->ops->may_save(placement, &books, BUSY), SAVE_NOW);
    ck_assert_uint_eq(placement->ops->check_piece(placement, 0, &expected), 0);
    ck_assert_ptr_null(expected);
    bitfield_clear_all(&books.doubtful);
    memcpy(other, metainfo_piece_hash(sample.meta, 3), SHA1_SIZE);
    ck_assert_uint_eq(placement->ops->found(placement, &books, 1, NULL), SLOT_NONE);
    ck_assert_uint_eq(placement->ops->found(placement, &books, 0, other), SLOT_NONE);
    ck_assert(placement->ops->end_pass(placement, &books)); /* now for other pieces */
    ck_assert_uint_eq(books.doubtful.n_set, 2);
    ck_assert_uint_eq(placement->ops->check_piece(placement, 0, &expected), SLOT_NONE);
    bitfield_clear_all(&books.doubtful);
    ck_assert_uint_eq(placement->ops->found(placement, &books, 0, other), 3);
    ck_assert_uint_eq(placement->ops->found(placement, &books, 1, NULL), SLOT_NONE);
    ck_assert_uint_eq(books.verified.n_set, 0);
    while (placement->ops->end_pass(placement, &books))
        bitfield_clear_all(&books.doubtful);
    ck_assert(bitfield_test(&books.verified, 3) && !books.have.n_set);
    ck_assert_uint_eq(placement_slot_of(placement, 3), 0);
    end();
}
END_TEST

RUN_SUITE("placement_compact", 10, compact_scans_all_slots_before_a_piece_is_verified);
