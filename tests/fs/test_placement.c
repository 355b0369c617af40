/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include "fs/placement.h"

/* The promises of every placement, and their differences. No file is on disk. */
static struct sample sample;
static struct store store;
static struct piece_buffers buffers;
static struct books books;
static struct placement *placement;

static void begin(enum allocation allocation)
{
    static const struct sample_file files[] = {{"a", 4 * 32768}, {"b", 32768}};
    static const bool skip[] = {false, true};
    struct rng rng;

    rng_seed(&rng, 1);
    sample_make(&sample, &rng, 32768, files, 2);
    ck_assert_int_eq(mkdir(sample.dir, 0777), 0);
    ck_assert_int_eq(
        store_init(&store, sample.meta, open(sample.dir, O_RDONLY | O_DIRECTORY), allocation, skip),
        0);
    ck_assert_int_eq(books_init(&books, metainfo_geometry(sample.meta), &buffers), 0);
    placement = placement_new(&store);
    ck_assert_ptr_nonnull(placement);
}

static void end(void)
{
    placement_free(placement);
    books_deinit(&books);
    store_deinit(&store);
    sample_free(&sample);
}

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

START_TEST(sparse_takes_every_piece_and_vouches_by_stamps)
{
    const uint8_t *expected;

    begin(ALLOCATION_SPARSE);
    ck_assert(placement->ops->takes(placement, 4)); /* its file is not wanted: a part file */
    ck_assert(placement->ops->stamps_vouch && !placement->ops->one_job_at_a_time);
    ck_assert_int_eq(placement->ops->may_save(placement, &books, true), SAVE_NOW);
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

START_TEST(compact_scans_all_slots_before_a_piece_counts)
{
    const uint8_t *expected;
    uint8_t other[SHA1_SIZE];

    begin(ALLOCATION_COMPACT);
    ck_assert(!placement->ops->takes(placement, 4));
    ck_assert(!placement->ops->stamps_vouch && placement->ops->one_job_at_a_time);
    ck_assert_int_eq(placement->ops->may_save(placement, &books, true), SAVE_LATER);
    bitfield_set(&books.doubtful, 0);
    bitfield_set(&books.doubtful, 1);
    ck_assert_int_eq(placement->ops->may_save(placement, &books, false), SAVE_NOTHING);
    placement->ops->begin_check(placement, &books, true);
    ck_assert_int_eq(placement->ops->may_save(placement, &books, true), SAVE_NOW);
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

RUN_SUITE("placement", 10, a_verified_piece_is_served_from_its_own_slot,
          sparse_takes_every_piece_and_vouches_by_stamps,
          compact_scans_all_slots_before_a_piece_counts);
