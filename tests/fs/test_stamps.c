/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include "fs/stamps.h"

static struct sample sample;
static struct store store;

static void begin(void)
{
    static const struct sample_file files[] = {{"a", 40000}, {"b", 40000}, {"d/c", 10}};
    struct rng rng;

    rng_seed(&rng, 1);
    sample_make(&sample, &rng, 32768, files, 3);
    ck_assert_int_eq(mkdir(sample.dir, 0777), 0);
    ck_assert_int_eq(store_init(&store, sample.meta, open(sample.dir, O_RDONLY | O_DIRECTORY),
                                ALLOCATION_SPARSE, NULL),
                     0);
}

static void end(void)
{
    close(store.dir_fd);
    store_deinit(&store);
    sample_free(&sample);
}

START_TEST(a_stamp_shows_that_a_file_was_changed_or_removed)
{
    struct file_stamp before, after;
    char path[640];
    int fd;

    begin();
    ck_assert_int_eq(stamp_read(&store, 2, &before), 0);
    ck_assert(!before.exists);
    sample_write_file(&sample, 2);
    ck_assert_int_eq(stamp_read(&store, 2, &before), 0);
    ck_assert(before.exists && before.size == 10);
    sample_path(&sample, 2, path);
    fd = open(path, O_RDONLY);
    ck_assert(stamp_fits(&store, &before, fd));
    sample_change_file(&sample, 2); /* the same bytes at another time */
    ck_assert(!stamp_fits(&store, &before, fd));
    close(fd);
    ck_assert_int_eq(stamp_read(&store, 2, &after), 0);
    ck_assert(!stamp_equal(&before, &after));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0777), 0); /* not a file */
    ck_assert_int_eq(stamp_read(&store, 2, &after), 0);
    ck_assert(!after.exists);
    end();
}
END_TEST

START_TEST(a_piece_marks_the_files_that_it_touches)
{
    struct stamps s = STAMPS_EMPTY;

    begin();
    ck_assert_int_eq(stamps_init(&s, 3), 0);
    stamps_mark(&s, &store, UNSYNCED_CHECKED, 0, 32768, PADDING_IMPLIED);
    stamps_mark(&s, &store, UNSYNCED_WRITTEN, 1, 32768, PADDING_IMPLIED);
    ck_assert_uint_eq(s.unsynced[0], UNSYNCED_CHECKED | UNSYNCED_WRITTEN);
    ck_assert_uint_eq(s.unsynced[1], UNSYNCED_WRITTEN);
    ck_assert_uint_eq(s.unsynced[2], 0);
    stamps_deinit(&s);
    stamps_deinit(&s);
    end();
}
END_TEST

RUN_SUITE("stamps", 10, a_stamp_shows_that_a_file_was_changed_or_removed,
          a_piece_marks_the_files_that_it_touches);
