/* SPDX-License-Identifier: MIT */
#include "placement_fixture.h"

#include "fs/ownership.h"

/* The files of the fixture: "a" of four pieces, and "b" of one, which is not wanted. */
static struct ownership o;
static struct file_stamp stamps[2];

static void start(enum allocation allocation)
{
    begin(allocation);
    ck_assert_int_eq(ownership_init(&o, 2), 0);
    stamps[0] = (struct file_stamp){true, 4 * 32768, 5};
    stamps[1] = (struct file_stamp){true, 32768, 5};
}

static void finish(void)
{
    ownership_deinit(&o);
    ownership_deinit(&o);
    end();
}

static enum ownership_verdict judge(void)
{
    uint32_t file = 99;
    enum ownership_verdict verdict = ownership_judge(&o, placement, &books, stamps, &file);

    ck_assert_uint_eq(file, verdict == OWNERSHIP_FOREIGN ? 0 : 99);
    return verdict;
}

START_TEST(a_file_is_foreign_until_a_piece_in_it_is_verified)
{
    start(ALLOCATION_SPARSE);
    ownership_begin(&o, &store, NULL, stamps, &(struct write_policy){0});
    ck_assert(o.n_foreign == 1 && o.foreign[0] && !o.foreign[1] && o.unrecorded);
    ck_assert_int_eq(judge(), OWNERSHIP_FOREIGN);
    bitfield_set(&books.doubtful, 3);
    ck_assert_int_eq(judge(), OWNERSHIP_OPEN);
    bitfield_set(&books.doubtful, 4); /* of the other file */
    bitfield_clear(&books.doubtful, 3);
    ck_assert_int_eq(judge(), OWNERSHIP_FOREIGN);
    books_verify(&books, 4, PIECE_IN_OWN_SLOT);
    ck_assert_int_eq(judge(), OWNERSHIP_FOREIGN);
    books_verify(&books, 2, PIECE_IN_OWN_SLOT);
    ck_assert_int_eq(judge(), OWNERSHIP_CLEAR);
    ck_assert(!o.n_foreign && !o.foreign[0] && o.unrecorded);
    finish();
}
END_TEST

START_TEST(a_longer_file_is_ours_only_when_nothing_is_left_to_write)
{
    start(ALLOCATION_SPARSE);
    stamps[0].size++;
    ownership_begin(&o, &store, NULL, stamps, &(struct write_policy){0});
    bitfield_set(&books.doubtful, 3);
    for (uint32_t piece = 0; piece < 3; piece++)
        books_verify(&books, piece, PIECE_IN_OWN_SLOT);
    ck_assert_int_eq(judge(), OWNERSHIP_OPEN);
    bitfield_clear(&books.doubtful, 3);
    ck_assert_int_eq(judge(), OWNERSHIP_FOREIGN);
    books_verify(&books, 3, PIECE_IN_OWN_SLOT);
    ck_assert_int_eq(judge(), OWNERSHIP_CLEAR);
    finish();
}
END_TEST

START_TEST(a_guest_in_a_slot_of_the_file_makes_it_ours)
{
    struct slot_moves moves;

    start(ALLOCATION_COMPACT);
    ownership_begin(&o, &store, NULL, stamps, &(struct write_policy){0});
    placement->ops->place(placement, 3, &moves);
    ck_assert_uint_eq(placement_slot_of(placement, 3), 0);
    ck_assert_int_eq(judge(), OWNERSHIP_FOREIGN);
    books_verify(&books, 3, PIECE_IN_OTHER_SLOT);
    ck_assert_int_eq(judge(), OWNERSHIP_CLEAR);
    finish();
}
END_TEST

START_TEST(what_is_empty_missing_known_or_allowed_is_not_foreign)
{
    struct resume *resume;

    start(ALLOCATION_SPARSE);
    ownership_begin(&o, &store, NULL, stamps, &(struct write_policy){.overwrite = true});
    ck_assert(!o.n_foreign && o.unrecorded);
    stamps[0].size = 0;
    ownership_begin(&o, &store, NULL, stamps, &(struct write_policy){0});
    ck_assert(!o.n_foreign && o.unrecorded);
    stamps[0] = (struct file_stamp){0};
    ownership_begin(&o, &store, NULL, stamps, &(struct write_policy){0});
    ck_assert(!o.n_foreign && o.unrecorded);
    ck_assert_int_eq(judge(), OWNERSHIP_CLEAR);
    /* Resume data knows it, even if the file did not exist when that was written. */
    stamps[0] = (struct file_stamp){true, 7, 5};
    o.unrecorded = false;
    resume = resume_new(sample.meta);
    resume->parts[1] = true;
    ownership_begin(&o, &store, resume, stamps, &(struct write_policy){0});
    ck_assert(!o.n_foreign && !o.unrecorded);
    /* But not a file that was foreign, or was kept as a part file. */
    resume->foreign[0] = true;
    ownership_begin(&o, &store, resume, stamps, &(struct write_policy){0});
    ck_assert(o.n_foreign == 1 && o.unrecorded);
    o.n_foreign = 0;
    resume->foreign[0] = false;
    resume->parts[0] = true;
    ownership_begin(&o, &store, resume, stamps, &(struct write_policy){0});
    ck_assert(o.n_foreign == 1 && o.unrecorded);
    resume_free(resume);
    finish();
}
END_TEST

/* The content of a torrent that was complete belongs to its owner. */
START_TEST(what_was_complete_is_ours_only_when_it_is_complete_again)
{
    struct resume *resume;

    start(ALLOCATION_SPARSE);
    resume = resume_new(sample.meta);
    resume->parts[1] = resume->complete = true;
    ownership_begin(&o, &store, resume, stamps, &(struct write_policy){0});
    ck_assert(o.n_foreign == 1 && o.was_complete && !o.unrecorded);
    for (uint32_t piece = 0; piece < 3; piece++)
        books_verify(&books, piece, PIECE_IN_OWN_SLOT);
    bitfield_set(&books.doubtful, 3);
    ck_assert_int_eq(judge(), OWNERSHIP_OPEN);
    bitfield_clear(&books.doubtful, 3);
    ck_assert_int_eq(judge(), OWNERSHIP_FOREIGN);
    /* A repair was asked for. */
    o.n_foreign = 0;
    ownership_begin(&o, &store, resume, stamps, &(struct write_policy){.repair_changed = true});
    ck_assert(!o.n_foreign && !o.was_complete);
    /* Another file is wanted now. */
    resume->parts[0] = true;
    ownership_begin(&o, &store, resume, stamps, &(struct write_policy){0});
    ck_assert(!o.was_complete);
    o.n_foreign = 0;
    resume->parts[0] = false;
    ownership_begin(&o, &store, resume, stamps, &(struct write_policy){0});
    books_verify(&books, 3, PIECE_IN_OWN_SLOT);
    ck_assert_int_eq(judge(), OWNERSHIP_CLEAR);
    ck_assert(o.was_complete);
    resume_free(resume);
    finish();
}
END_TEST

START_TEST(a_file_that_is_gone_is_made_again_only_if_that_is_allowed)
{
    struct resume *resume;

    start(ALLOCATION_SPARSE);
    resume = resume_new(sample.meta);
    resume->parts[1] = resume->complete = true;
    stamps[0] = (struct file_stamp){0};
    ownership_begin(&o, &store, resume, stamps, &(struct write_policy){.repair_gone = true});
    ck_assert_int_eq(judge(), OWNERSHIP_CLEAR);
    ownership_begin(&o, &store, resume, stamps, &(struct write_policy){0});
    ck_assert_int_eq(judge(), OWNERSHIP_FOREIGN);
    resume_free(resume);
    finish();
}
END_TEST

START_TEST(a_torrent_that_is_only_seeded_must_be_complete)
{
    start(ALLOCATION_SPARSE);
    stamps[0] = (struct file_stamp){0};
    ownership_begin(&o, &store, NULL, stamps,
                    &(struct write_policy){.repair_gone = true, .seed_only = true});
    ck_assert(!o.was_complete && o.strict);
    ck_assert_int_eq(judge(), OWNERSHIP_FOREIGN);
    for (uint32_t piece = 0; piece < 4; piece++)
        books_verify(&books, piece, PIECE_IN_OWN_SLOT);
    ck_assert_int_eq(judge(), OWNERSHIP_CLEAR);
    finish();
}
END_TEST

RUN_SUITE("ownership", 10, what_was_complete_is_ours_only_when_it_is_complete_again,
          a_file_that_is_gone_is_made_again_only_if_that_is_allowed,
          a_torrent_that_is_only_seeded_must_be_complete,
          a_file_is_foreign_until_a_piece_in_it_is_verified,
          a_longer_file_is_ours_only_when_nothing_is_left_to_write,
          a_guest_in_a_slot_of_the_file_makes_it_ours,
          what_is_empty_missing_known_or_allowed_is_not_foreign);
