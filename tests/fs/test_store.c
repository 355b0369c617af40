/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include <errno.h>

#include "fs/store.h"

static struct sample sample;
static struct store store;

/* Bytes 0-9 a, 10-32767 padding, then b (executable), an empty file, and c. */
static void begin(enum allocation allocation, const bool *skip)
{
    static const struct sample_file files[] = {
        {"a", 10}, {".pad/1", 32758, "p"}, {"b", 40000, "x"}, {"empty", 0}, {"c", 10}};
    struct rng rng;

    rng_seed(&rng, 1);
    sample_make(&sample, &rng, 32768, files, 5);
    ck_assert_int_eq(mkdir(sample.dir, 0777), 0);
    ck_assert_int_eq(
        store_init(&store, sample.meta, open(sample.dir, O_RDONLY | O_DIRECTORY), allocation, skip),
        0);
}

static void end(void)
{
    close(store.dir_fd);
    store_deinit(&store);
    store_deinit(&store);
    sample_free(&sample);
}

static void expect_extents(uint64_t at, uint64_t to, enum padding padding,
                           const struct extent *extents, unsigned n)
{
    struct extent e;

    for (unsigned i = 0; i < n; i++) {
        ck_assert(store_next_extent(&store, &at, to, padding, &e));
        ck_assert_uint_eq(e.file, extents[i].file);
        ck_assert_uint_eq(e.offset, extents[i].offset);
        ck_assert_uint_eq(e.length, extents[i].length);
    }
    ck_assert(!store_next_extent(&store, &at, to, padding, &e));
}

START_TEST(content_is_split_at_the_borders_of_files)
{
    static const struct extent own[] = {{0, 5, 5}, {STORE_PADDING, 32758, 0}, {2, 100, 0}};
    static const struct extent guest[] = {{0, 5, 5}, {1, 32758, 0}, {2, 100, 0}};
    static const struct extent tail[] = {{2, 1, 39999}, {4, 10, 0}};

    begin(ALLOCATION_SPARSE, NULL);
    expect_extents(5, 32868, PADDING_IMPLIED, own, 3);
    expect_extents(5, 32868, PADDING_STORED, guest, 3);
    expect_extents(32768 + 39999, sample.length, PADDING_IMPLIED, tail, 2);
    expect_extents(7, 7, PADDING_IMPLIED, NULL, 0);
    ck_assert_uint_eq(store_piece_size(&store, 2), sample.length - 65536);
    ck_assert_uint_eq(store_n_blocks(&store, 0), 2);
    end();
}
END_TEST

START_TEST(a_file_gets_its_length_and_its_mode)
{
    struct stat st;
    char path[640];
    int fd;

    begin(ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(store_open_file(&store, 2, FILE_READ, &fd), FILE_MISSING);
    ck_assert_int_eq(store_open_file(&store, 2, FILE_WRITE, &fd), 0);
    close(fd);
    sample_path(&sample, 2, path);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_size, 40000);
    ck_assert_int_ne(st.st_mode & 0100, 0);
    ck_assert_int_eq(truncate(path, 50000), 0);
    ck_assert_int_eq(store_open_file(&store, 2, FILE_WRITE, &fd), 0);
    close(fd);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_size, 40000);
    end();
    begin(ALLOCATION_COMPACT, NULL);
    ck_assert_int_eq(store_open_file(&store, 2, FILE_WRITE, &fd), 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(st.st_size, 0);
    close(fd);
    end();
}
END_TEST

START_TEST(files_that_are_not_wanted_have_part_files)
{
    const bool skip[] = {false, false, true, true, false};
    char path[640], parts[640], buffer[STORE_PATH_MAX];
    int fd;

    begin(ALLOCATION_SPARSE, skip);
    ck_assert(store_is_part(&store, 1) && store_is_part(&store, 2) && !store_is_part(&store, 4));
    ck_assert(store_piece_is_wanted(&store, 0));
    ck_assert(!store_piece_is_wanted(&store, 1));
    ck_assert(store_piece_is_wanted(&store, 2));
    ck_assert_int_eq(store_open_file(&store, 2, FILE_WRITE, &fd), 0);
    close(fd);
    sample_path(&sample, 2, path);
    ck_assert_int_ne(access(path, F_OK), 0);
    snprintf(parts, sizeof parts, "%s/%s", sample.dir, store_path(&store, 2, buffer));
    ck_assert_int_eq(access(parts, F_OK), 0);
    ck_assert(store_has_parts(&store));
    store_remove_parts(&store);
    ck_assert_int_eq(access(parts, F_OK), 0);
    store.skip_file[2] = false; /* wanted now */
    ck_assert_int_eq(store_place_part(&store, 2), PART_PLACED);
    ck_assert_int_eq(store_place_part(&store, 2), 0);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_int_ne(access(parts, F_OK), 0);
    store_remove_parts(&store);
    ck_assert(!store_has_parts(&store));
    end();
}
END_TEST

RUN_SUITE("store", 20, content_is_split_at_the_borders_of_files,
          a_file_gets_its_length_and_its_mode, files_that_are_not_wanted_have_part_files);
