/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include "fs/scan.h"
#include "fs/slots.h"

static struct sample sample;
static struct scan scan;
static struct bitfield slots;

/* Five pieces, the last one short. */
static void begin(void)
{
    static const struct sample_file files[] = {{"a", 4 * 32768 + 100}};
    struct rng rng;

    rng_seed(&rng, 1);
    sample_make(&sample, &rng, 32768, files, 1);
    ck_assert_int_eq(scan_init(&scan, sample.meta), 0);
    ck_assert_int_eq(bitfield_init(&slots, 5), 0);
}

static void end(void)
{
    scan_deinit(&scan);
    scan_deinit(&scan);
    bitfield_deinit(&slots);
    sample_free(&sample);
}

/* DISK[slot] is the piece in it, or SLOT_NONE. Hashes the slots of a pass as a check does. */
static void pass(const uint32_t disk[5])
{
    for (uint32_t slot = 0; slot < 5; slot++) {
        bool whole = disk[slot] != SLOT_NONE &&
                     scan_size(&scan, slot) ==
                         geometry_piece_size(metainfo_geometry(sample.meta), disk[slot]);

        if (scan.pass == SCAN_OWN || bitfield_test(&slots, slot))
            scan_note(&scan, slot, whole ? metainfo_piece_hash(sample.meta, disk[slot]) : NULL);
    }
    scan_next_pass(&scan, &slots);
}

START_TEST(each_pass_finds_pieces_that_the_one_before_could_not)
{
    const uint32_t disk[5] = {0, 3, 4, SLOT_NONE, SLOT_NONE};

    begin();
    pass(disk);
    ck_assert_uint_eq(scan.found[0], 0);
    ck_assert_int_eq(scan.pass, SCAN_OTHER);
    ck_assert_uint_eq(slots.n_set, 3); /* the last slot is too short for others */
    pass(disk);
    ck_assert_uint_eq(scan.found[1], 3);
    ck_assert_int_eq(scan.pass, SCAN_LAST);
    ck_assert_uint_eq(scan_size(&scan, 2), 100);
    pass(disk);
    ck_assert_uint_eq(scan.found[2], 4);
    ck_assert_int_eq(scan.pass, SCAN_DONE);
    ck_assert_uint_eq(scan.found[3], SLOT_NONE);
    end();
}
END_TEST

START_TEST(a_scan_ends_early_when_nothing_is_left)
{
    const uint32_t disk[5] = {0, 1, 2, 3, 4};

    begin();
    pass(disk);
    ck_assert_int_eq(scan.pass, SCAN_DONE);
    ck_assert_uint_eq(scan.placed.n_set, 5);
    end();
}
END_TEST

START_TEST(a_piece_is_found_once)
{
    const uint32_t disk[5] = {3, SLOT_NONE, 3, SLOT_NONE, SLOT_NONE};

    begin();
    scan_keep(&scan, 4, 4); /* an earlier scan has found it */
    pass(disk);
    pass(disk);
    ck_assert_int_eq(scan.pass, SCAN_DONE);
    ck_assert_uint_eq(scan.found[0], 3);
    ck_assert_uint_eq(scan.found[2], SLOT_NONE);
    ck_assert_uint_eq(scan.found[4], 4);
    end();
}
END_TEST

RUN_SUITE("scan", 10, each_pass_finds_pieces_that_the_one_before_could_not,
          a_scan_ends_early_when_nothing_is_left, a_piece_is_found_once);
