/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_FS_PLACEMENT_FIXTURE_H
#define CONJURE_TESTS_FS_PLACEMENT_FIXTURE_H

#include "sample.h"

#include "fs/placement.h"

/* A placement over a sample of which no file is on disk. */
static struct sample sample;
static struct store store;
static struct piece_buffers buffers;
static struct books books;
static struct placement *placement;

static inline void begin(enum allocation allocation)
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

static inline void end(void)
{
    placement_free(placement);
    books_deinit(&books);
    close(store.dir_fd);
    store_deinit(&store);
    sample_free(&sample);
}

#endif
