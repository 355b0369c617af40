/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include <errno.h>

#include "conjure/fs/handle_pool.h"
#include "fs/store.h"

static struct sample sample;
static struct store store;
static struct handle_pool pool;

static void begin(uint32_t cap)
{
    static const struct sample_file files[] = {{"a", 10}, {"b", 10}, {"c", 10}, {"d/d", 10}};
    struct rng rng;

    rng_seed(&rng, 1);
    sample_make(&sample, &rng, 16384, files, 4);
    ck_assert_int_eq(mkdir(sample.dir, 0777), 0);
    ck_assert_int_eq(store_init(&store, sample.meta, open(sample.dir, O_RDONLY | O_DIRECTORY),
                                ALLOCATION_SPARSE, NULL),
                     0);
    handle_pool_init(&pool, cap);
}

static void end(void)
{
    handle_pool_deinit(&pool);
    handle_pool_deinit(&pool);
    close(store.dir_fd);
    store_deinit(&store);
    store_deinit(&store);
    sample_free(&sample);
}

static struct open_file *lease(uint32_t file, enum file_mode mode)
{
    struct open_file *h;

    ck_assert_int_eq(handle_pool_lease(&pool, &store, file, mode, &h), 0);
    return h;
}

START_TEST(the_oldest_is_closed_first)
{
    struct open_file *a, *b;

    begin(2);
    a = lease(0, FILE_WRITE);
    handle_pool_return(&pool, a);
    b = lease(1, FILE_WRITE);
    handle_pool_return(&pool, b);
    ck_assert_ptr_eq(lease(0, FILE_READ), a); /* now b is the oldest */
    handle_pool_return(&pool, a);
    handle_pool_return(&pool, lease(2, FILE_WRITE));
    ck_assert_uint_eq(pool.n_open, 2);
    ck_assert_ptr_eq(lease(0, FILE_READ), a);
    handle_pool_return(&pool, a);
    end();
}
END_TEST

START_TEST(a_leased_file_stays_open)
{
    struct open_file *h[4];

    begin(1);
    for (uint32_t i = 0; i < 4; i++)
        h[i] = lease(i, FILE_WRITE);
    ck_assert_uint_eq(pool.n_open, 4);
    for (uint32_t i = 0; i < 4; i++)
        ck_assert_int_eq(pwrite(h[i]->fd, "x", 1, 0), 1);
    for (uint32_t i = 0; i < 4; i++)
        handle_pool_return(&pool, h[i]);
    ck_assert_uint_eq(pool.n_open, 1);
    end();
}
END_TEST

START_TEST(a_reader_is_reopened_to_write)
{
    struct open_file *reader, *writer;
    char byte;

    begin(4);
    sample_write_file(&sample, 0);
    reader = lease(0, FILE_READ);
    ck_assert_int_lt(pwrite(reader->fd, "x", 1, 0), 0);
    writer = lease(0, FILE_WRITE);
    ck_assert_ptr_ne(reader, writer);
    ck_assert_int_eq(pwrite(writer->fd, "x", 1, 0), 1);
    ck_assert_int_eq(pread(reader->fd, &byte, 1, 0), 1); /* still good */
    ck_assert_int_eq(byte, 'x');
    ck_assert_ptr_eq(lease(0, FILE_READ), writer);
    handle_pool_return(&pool, writer);
    handle_pool_return(&pool, reader);
    handle_pool_return(&pool, writer);
    ck_assert_uint_eq(pool.n_open, 1);
    end();
}
END_TEST

START_TEST(a_file_that_does_not_exist_is_missing)
{
    struct open_file *h;

    begin(4);
    ck_assert_int_eq(handle_pool_lease(&pool, &store, 3, FILE_READ, &h), FILE_MISSING);
    handle_pool_return(&pool, lease(3, FILE_WRITE));
    handle_pool_close_file(&pool, &store, 3);
    ck_assert_uint_eq(pool.n_open, 0);
    handle_pool_return(&pool, lease(3, FILE_READ));
    handle_pool_close_store(&pool, &store);
    ck_assert_uint_eq(pool.n_open, 0);
    end();
}
END_TEST

RUN_SUITE("handle pool", 20, the_oldest_is_closed_first, a_leased_file_stays_open,
          a_reader_is_reopened_to_write, a_file_that_does_not_exist_is_missing);
