/* SPDX-License-Identifier: MIT */
/*
 * A job carries leased descriptors for its first HANDLES_MAX extents. A piece of thousands of tiny
 * files has more; the worker opens and closes those itself, so that the number of descriptors stays
 * bounded for any torrent.
 */
#include "fs/job.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "conjure/base/alloc.h"
#include "fs/internal.h"

#define HANDLES_MAX 64

struct job *job_new(struct storage *s, const struct job_kind *kind, size_t size)
{
    struct job *job = mem_new(size);

    job->head.kind = kind->kind;
    job->head.storage = s;
    job->kind = kind;
    job->store = &s->store;
    job->failed_file = JOB_FILE_NONE;
    s->n_jobs++;
    return job;
}

void job_free(struct job *job)
{
    struct storage *s = job->head.storage;

    for (size_t i = 0; i < job->n_ranges; i++)
        if (job->ranges[i].handle)
            handle_pool_return(s->pool, job->ranges[i].handle);
    free(job->ranges);
    if (job->kind->deinit)
        job->kind->deinit(job);
    free(job);
    s->n_jobs--;
}

int job_add_ranges(struct job *job, uint64_t at, uint32_t length, enum padding padding,
                   const uint8_t *bytes, enum job_leases leases)
{
    struct storage *s = job->head.storage;
    uint64_t start = at, from = at, end = at + length;
    enum file_mode mode = bytes ? FILE_WRITE : FILE_READ;
    struct extent extent;

    while (store_next_extent(&s->store, &at, end, padding, &extent)) {
        bool zeros = extent.file == STORE_PADDING;
        struct job_range *range;
        int r;

        if (zeros && bytes) {
            from = at;
            continue;
        }
        if (array_reserve(&job->ranges, &job->room, job->n_ranges + 1, sizeof *job->ranges))
            return -ENOMEM;
        range = &job->ranges[job->n_ranges++];
        *range = (struct job_range){.extent = extent};
        if (bytes)
            range->bytes = bytes + (from - start);
        from = at;
        if (zeros || leases == JOB_OPENS_ITSELF || job->n_ranges > HANDLES_MAX)
            continue;
        r = handle_pool_lease(s->pool, &s->store, extent.file, mode, &range->handle);
        /* To read, the worker opens the file again, and reports the error. */
        if (r < 0 && bytes) {
            s->failed_file = extent.file;
            return r;
        }
        if (bytes) /* the file has got its length */
            s->stamps.unsynced[extent.file] |= UNSYNCED_WRITTEN;
    }
    return 0;
}

struct job *job_next(const struct job *job)
{
    return job->head.next ? container_of(job->head.next, struct job, head) : NULL;
}

void disk_job_cancel(struct disk_job *head)
{
    atomic_store_explicit(&container_of(head, struct job, head)->cancelled, true,
                          memory_order_relaxed);
}

/* --- workers --------------------------------------------------------------------------------- */

void disk_scratch_deinit(struct disk_scratch *x)
{
    free(x->bytes);
    sha1_streams_deinit(&x->streams);
    *x = DISK_SCRATCH_EMPTY;
}

void disk_jobs_run(struct disk_job *first, struct disk_scratch *scratch)
{
    if (!scratch->bytes)
        scratch->bytes = mem_new(JOB_SCRATCH_BYTES);
    for (struct disk_job *job = first; job; job = job->next)
        job->error = 0;
    for (struct job *job = first ? container_of(first, struct job, head) : NULL, *next; job;
         job = next) {
        const struct job_kind *kind = job->kind;
        unsigned n = 1;

        for (next = job_next(job);
             next && next->kind == kind && kind->joins && kind->joins(job, n, next);
             next = job_next(next))
            n++;
        kind->run(job, n, scratch);
    }
}
