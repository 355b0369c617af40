/* SPDX-License-Identifier: MIT */
#include "placement_fixture.h"

enum {
    IDLE,
    BUSY,
};

START_TEST(sparse_takes_every_piece_and_vouches_by_stamps)
{
    const uint8_t *expected;

    begin(ALLOCATION_SPARSE);
    ck_assert(placement->ops->takes(placement, 4)); /* its file is not wanted: a part file */
    ck_assert(placement->ops->stamps_vouch && !placement->ops->one_job_at_a_time);
    ck_assert_int_eq(placement->ops->may_save(placement, &books, BUSY), SAVE_NOW);
    ck_assert_uint_eq(placement->ops->check_piece(placement, 2, &expected), 2);
    ck_assert_ptr_eq(expected, metainfo_piece_hash(sample.meta, 2));
    bitfield_set(&books.doubtful, 2);
    ck_assert_uint_eq(placement->ops->found(placement, &books, 2, NULL), SLOT_NONE);
    ck_assert_uint_eq(placement->ops->found(placement, &books, 2, expected), 2);
    ck_assert(bitfield_test(&books.have, 2) && !books.doubtful.n_set);
    ck_assert(!placement->ops->end_pass(placement, &books));
    end();
}
END_TEST

RUN_SUITE("placement_sparse", 10, sparse_takes_every_piece_and_vouches_by_stamps);
