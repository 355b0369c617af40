/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_FS_HANDLE_POOL_H
#define CONJURE_FS_HANDLE_POOL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Open files, least recently used first to go. A file is named by its owner (any pointer) and a
 * number. Whoever uses a file holds a lease on it; a leased handle is never closed, and its `fd`
 * stays the same until the last lease is back. One thread; the fd of a leased handle may be used by
 * others for reading and writing at offsets.
 *
 * The cap counts handles without a lease: only those can be closed to make room. When all are leased
 * the pool grows beyond it, by as much as its users hold at a time.
 */
struct store;

enum file_mode {
    FILE_READ,
    FILE_WRITE, /* made with its folders when missing; also reads */
};

enum {
    FILE_MISSING = 1, /* there is no such file (FILE_READ only) */
};

/* An open file of the pool. (glibc has the better name, file_handle, for something else.) */
struct open_file {
    int fd;
    /* The pool's own. */
    uint32_t file;
    uint32_t n_leases;
    enum file_mode mode;
    bool dropped; /* no longer in the dictionary: closed with its last lease */
    const struct store *store;
    struct open_file *in_bucket;
    struct open_file *newer, *older; /* among those without a lease */
};

struct handle_pool {
    struct open_file **buckets;
    uint32_t n_buckets; /* a power of two */
    uint32_t n_open;    /* handles, dropped ones included */
    uint32_t cap;
    struct open_file *newest, *oldest;
};
#define HANDLE_POOL_EMPTY ((struct handle_pool){0})

/* At most CAP (1 or more) files are kept open without need. */
void handle_pool_init(struct handle_pool *p, uint32_t cap);
/* Closes everything; all leases must be back. Safe twice. */
void handle_pool_deinit(struct handle_pool *p);

/* A lease on FILE of STORE. A handle that can only read is replaced by one that can write when that
 * is asked for; leases on the old one stay good. Returns 0, FILE_MISSING, or -errno. */
int handle_pool_lease(struct handle_pool *p, const struct store *store, uint32_t file,
                      enum file_mode mode, struct open_file **handlep);
void handle_pool_return(struct handle_pool *p, struct open_file *handle);

/* Forgets one file, or all of one store: closed now, or with their last lease. */
void handle_pool_close_file(struct handle_pool *p, const struct store *store, uint32_t file);
void handle_pool_close_store(struct handle_pool *p, const struct store *store);

#endif
