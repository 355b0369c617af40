/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_FS_HANDLE_POOL_H
#define CONJURE_FS_HANDLE_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/owner.h"
#include "conjure/fs/dirs.h"
#include "conjure/fs/file_mode.h"

/*
 * Open files of all storages; the least recently used one is closed first. A file is named by its
 * store and its number there. A user of a file holds a lease on it; a leased handle is never
 * closed, and its `fd` stays the same until the last lease is returned. The pool belongs to one
 * thread; any thread may read and write at offsets through the fd of a leased handle.
 *
 * Only handles without a lease can be closed to make room. When all are leased the pool grows
 * beyond its cap, by as much as its users hold at a time.
 */
struct store;

/* An open file of the pool. (glibc has the better name, file_handle, for something else.) */
struct open_file {
    int fd;
    /* Private to the pool. */
    uint32_t file;
    uint32_t n_leases;
    enum file_mode mode;
    bool dropped; /* no longer in the dictionary: closed with its last lease */
    const struct store *store;
    struct open_file *in_bucket;
    struct open_file *newer, *older; /* among those without a lease */
};

struct handle_pool {
    struct owner thread;
    struct open_file **buckets;
    uint32_t n_buckets; /* a power of two */
    uint32_t n_open;    /* handles, dropped ones included */
    uint32_t cap;
    struct open_file *newest, *oldest;
    struct dirs dirs; /* in which the stores are */
};
#define HANDLE_POOL_EMPTY ((struct handle_pool){0})

/* At most CAP (1 or more) files stay open while nobody leases them. */
void handle_pool_init(struct handle_pool *p, uint32_t cap);
/* Closes all files; no lease may be out. Safe twice. */
void handle_pool_deinit(struct handle_pool *p);

/* A lease on FILE of STORE. A handle that only reads is replaced when MODE is FILE_WRITE; leases on
 * the old one stay valid. Opens the file when needed, so it may block. 0, FILE_MISSING or
 * -errno. */
int handle_pool_lease(struct handle_pool *p, const struct store *store, uint32_t file,
                      enum file_mode mode, struct open_file **handlep);
void handle_pool_return(struct handle_pool *p, struct open_file *handle);

/* Drops one file, or all of one store: each is closed now, or with its last lease. */
void handle_pool_close_file(struct handle_pool *p, const struct store *store, uint32_t file);
void handle_pool_close_store(struct handle_pool *p, const struct store *store);

#endif
