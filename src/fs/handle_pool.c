/* SPDX-License-Identifier: MIT */
/*
 * A hash table of chains finds a file's handle; a list orders the handles without a lease by age.
 * A leased handle is not in that list, so it cannot be chosen for closing. A handle that was
 * replaced, or whose file was closed while leased, leaves the table ("dropped") and is closed with
 * its last lease.
 */
#include "conjure/fs/handle_pool.h"

#include <assert.h>
#include <stdlib.h>

#include "conjure/base/alloc.h"
#include "conjure/fs/io.h"
#include "fs/store.h"

void handle_pool_init(struct handle_pool *p, uint32_t cap)
{
    assert(cap >= 1);
    *p = HANDLE_POOL_EMPTY;
    p->cap = cap;
    dirs_init(&p->dirs);
    p->n_buckets = 64;
    while (p->n_buckets < cap && p->n_buckets < 1u << 16)
        p->n_buckets *= 2;
    p->buckets = mem_new_array(p->n_buckets, sizeof *p->buckets);
}

static struct open_file **bucket_of(struct handle_pool *p, const struct store *store, uint32_t file)
{
    uint64_t h = ((uint64_t)(uintptr_t)store >> 4) * UINT64_C(0x9e3779b97f4a7c15) + file;

    h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return &p->buckets[(h >> 32) & (p->n_buckets - 1)];
}

static void age_remove(struct handle_pool *p, struct open_file *h)
{
    *(h->newer ? &h->newer->older : &p->newest) = h->older;
    *(h->older ? &h->older->newer : &p->oldest) = h->newer;
    h->newer = h->older = NULL;
}

static void age_add(struct handle_pool *p, struct open_file *h)
{
    h->older = p->newest;
    h->newer = NULL;
    *(p->newest ? &p->newest->newer : &p->oldest) = h;
    p->newest = h;
}

static void destroy(struct handle_pool *p, struct open_file *h)
{
    io_close(h->fd);
    free(h);
    p->n_open--;
}

/* Removes H from the table; closes it now unless it is leased. */
static void drop(struct handle_pool *p, struct open_file *h)
{
    struct open_file **at = bucket_of(p, h->store, h->file);

    while (*at != h)
        at = &(*at)->in_bucket;
    *at = h->in_bucket;
    h->dropped = true;
    if (h->n_leases)
        return;
    age_remove(p, h);
    destroy(p, h);
}

static void make_room(struct handle_pool *p)
{
    while (p->n_open >= p->cap && p->oldest)
        drop(p, p->oldest);
}

void handle_pool_deinit(struct handle_pool *p)
{
    while (p->oldest)
        drop(p, p->oldest);
    assert(p->n_open == 0);
    if (p->buckets)
        dirs_deinit(&p->dirs);
    free(p->buckets);
    *p = HANDLE_POOL_EMPTY;
}

int handle_pool_lease(struct handle_pool *p, const struct store *store, uint32_t file,
                      enum file_mode mode, struct open_file **handlep)
{
    struct open_file **bucket = bucket_of(p, store, file), *h = *bucket;
    int fd, r;

    owner_assert(&p->thread);
    while (h && (h->store != store || h->file != file))
        h = h->in_bucket;
    if (h && h->mode >= mode) {
        if (!h->n_leases++)
            age_remove(p, h);
        *handlep = h;
        return 0;
    }
    if (!h)
        make_room(p);
    r = store_open_file(store, file, mode, &fd);
    if (r)
        return r;
    if (h)
        drop(p, h);
    h = NEW(struct open_file);
    *h = (struct open_file){
        .fd = fd, .file = file, .n_leases = 1, .mode = mode, .store = store, .in_bucket = *bucket};
    *bucket = h;
    p->n_open++;
    *handlep = h;
    return 0;
}

void handle_pool_return(struct handle_pool *p, struct open_file *h)
{
    owner_assert(&p->thread);
    assert(h->n_leases);
    if (--h->n_leases)
        return;
    if (h->dropped) {
        destroy(p, h);
        return;
    }
    age_add(p, h);
    if (p->n_open > p->cap)
        drop(p, p->oldest);
}

void handle_pool_close_file(struct handle_pool *p, const struct store *store, uint32_t file)
{
    struct open_file *h = *bucket_of(p, store, file);

    owner_assert(&p->thread);
    while (h && (h->store != store || h->file != file))
        h = h->in_bucket;
    if (h)
        drop(p, h);
}

void handle_pool_close_store(struct handle_pool *p, const struct store *store)
{
    owner_assert(&p->thread);
    for (uint32_t i = 0; i < p->n_buckets; i++) {
        struct open_file *h = p->buckets[i];

        while (h) {
            struct open_file *next = h->in_bucket;

            if (h->store == store)
                drop(p, h);
            h = next;
        }
    }
}
