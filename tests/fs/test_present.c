/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include "fs/present.h"

/* Sixteen pieces over two files; the last piece of file a is the first of file b. */
static struct sample sample;
static struct store store;
static struct file_stamp stamps[2];
static struct bitfield present;

static void begin(void)
{
    static const struct sample_file files[] = {{"a", 500000}, {"b", 500000}};
    struct rng rng;

    rng_seed(&rng, 1);
    sample_make(&sample, &rng, 65536, files, 2);
    ck_assert_int_eq(mkdir(sample.dir, 0777), 0);
    ck_assert_int_eq(store_init(&store, sample.meta, open(sample.dir, O_RDONLY | O_DIRECTORY),
                                ALLOCATION_SPARSE, NULL),
                     0);
    ck_assert_int_eq(bitfield_init(&present, sample.n_pieces), 0);
}

static void end(void)
{
    bitfield_deinit(&present);
    close(store.dir_fd);
    store_deinit(&store);
    sample_free(&sample);
}

static void find(const struct bitfield *asked)
{
    ck_assert_int_eq(stamps_read_all(&store, stamps, NULL), 0);
    ck_assert_int_eq(present_find(&store, stamps, asked, &present), 0);
}

START_TEST(pieces_beyond_the_size_of_a_file_are_missing)
{
    char path[640];

    begin();
    find(NULL);
    ck_assert_uint_eq(present.n_set, 0);
    sample_write_file(&sample, 0);
    find(NULL);
    ck_assert_uint_eq(present.n_set, 7); /* not the one that it shares with b */
    sample_write_file(&sample, 1);
    sample_path(&sample, 0, path);
    ck_assert_int_eq(truncate(path, 65536 + 100), 0);
    find(NULL);
    ck_assert_uint_eq(present.n_set, 1 + 8);
    ck_assert(bitfield_test(&present, 0) && !bitfield_test(&present, 1));
    end();
}
END_TEST

/* On a file system without holes all of the file counts as data. */
START_TEST(pieces_in_holes_are_missing)
{
    struct bitfield asked;
    char path[640];
    int fd;

    begin();
    sample_write_file(&sample, 0);
    sample_path(&sample, 1, path);
    fd = open(path, O_WRONLY | O_CREAT, 0666);
    ck_assert_int_eq(ftruncate(fd, 500000), 0);
    ck_assert_int_eq(pwrite(fd, "x", 1, 300000), 1);
    find(NULL);
    if (lseek(fd, 0, SEEK_DATA) > 0) {
        ck_assert_uint_eq(present.n_set, 8 + 1); /* the shared piece has data in a */
        ck_assert(bitfield_test(&present, 800000 / 65536));
    }
    close(fd);
    ck_assert_int_eq(bitfield_init(&asked, sample.n_pieces), 0);
    present_add(&asked, &store, 65536, 65537);
    ck_assert_uint_eq(asked.n_set, 1);
    find(&asked);
    ck_assert(bitfield_test(&present, 1));
    bitfield_deinit(&asked);
    end();
}
END_TEST

START_TEST(a_slot_with_a_byte_on_disk_may_hold_a_piece)
{
    char path[640];

    begin();
    sample_write_file(&sample, 0);
    sample_path(&sample, 0, path);
    ck_assert_int_eq(truncate(path, 65536 + 1), 0);
    ck_assert_int_eq(stamps_read_all(&store, stamps, NULL), 0);
    present_find_slots(&store, stamps, &present);
    ck_assert_uint_eq(present.n_set, 2);
    ck_assert(bitfield_test(&present, 0) && bitfield_test(&present, 1));
    end();
}
END_TEST

RUN_SUITE("present", 10, pieces_beyond_the_size_of_a_file_are_missing, pieces_in_holes_are_missing,
          a_slot_with_a_byte_on_disk_may_hold_a_piece);
