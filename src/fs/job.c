/* SPDX-License-Identifier: MIT */
/*
 * What workers do. A job that is no check carries leased descriptors for its first JOB_HANDLES_MAX extents; a piece
 * of thousands of tiny files has more, and those files are opened and closed on the way, so that the
 * number of descriptors stays bounded whatever a torrent looks like.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/fs/io.h"
#include "fs/resume.h"
#include "fs/storage_struct.h"

#define JOB_HANDLES_MAX 64

struct job *job_new(struct storage *s, enum disk_job_kind kind)
{
    struct job *job = NEW(struct job);

    job->head.kind = kind;
    job->head.storage = s;
    job->store = &s->store;
    job->failed_file = JOB_FILE_NONE;
    s->n_jobs++;
    return job;
}

void job_free(struct job *job)
{
    struct storage *s;

    if (!job)
        return;
    s = job->head.storage;
    for (uint32_t i = 0; i < job->n_ranges; i++)
        if (job->ranges[i].handle)
            handle_pool_return(s->pool, job->ranges[i].handle);
    for (unsigned i = 0; i < job->n_lanes; i++)
        free(job->lanes[i].digests);
    resume_free(job->resume);
    free(job->unsynced);
    free(job->stamps);
    free(job->ranges);
    free(job);
    s->n_jobs--;
}

static struct job_range *add_range(struct job *job)
{
    if (job->n_ranges == job->room) {
        uint32_t room = job->room ? job->room * 2 : 8;
        struct job_range *ranges = realloc(job->ranges, room * sizeof *ranges);

        if (!ranges)
            return NULL;
        job->ranges = ranges;
        job->room = room;
    }
    return &job->ranges[job->n_ranges++];
}

int job_add_ranges(struct job *job, uint64_t at, uint32_t length, bool foreign,
                   const uint8_t *bytes, enum file_mode mode)
{
    struct storage *s = job->head.storage;
    uint64_t start = at, from = at, end = at + length;
    struct extent extent;

    while (store_next_extent(&s->store, &at, end, foreign, &extent)) {
        struct job_range *range = NULL;
        int r = 0;

        if (extent.file != STORE_PADDING || mode == FILE_READ) {
            range = add_range(job);
            if (!range)
                return -ENOMEM;
            *range = (struct job_range){.extent = extent};
            if (bytes)
                range->bytes = bytes + (from - start);
        }
        from = at;
        if (!range || extent.file == STORE_PADDING || job->check || job->n_ranges > JOB_HANDLES_MAX)
            continue;
        r = handle_pool_lease(s->pool, &s->store, extent.file, mode, &range->handle);
        /* What cannot be read is found out, and said, by the worker. */
        if (r < 0 && mode == FILE_WRITE) {
            s->failed_file = extent.file;
            return r;
        }
    }
    return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

static int write_range(struct job *job, const struct job_range *range)
{
    int fd, r;

    if (range->handle) {
        r = io_write(range->handle->fd, range->bytes, range->extent.length, range->extent.offset);
    } else {
        r = store_open_file(job->store, range->extent.file, FILE_WRITE, &fd);
        if (!r) {
            r = io_write(fd, range->bytes, range->extent.length, range->extent.offset);
            io_close(fd);
        }
    }
    if (r)
        job->failed_file = range->extent.file;
    return r;
}

/* Reads or writes [at, at + n) of the content, opening files on the way: for moves. */
static int copy_content(struct job *job, uint64_t at, uint32_t n, bool foreign, uint8_t *bytes,
                        enum file_mode mode)
{
    uint64_t end = at + n;
    struct extent e;

    while (store_next_extent(job->store, &at, end, foreign, &e)) {
        size_t got = 0;
        int fd, r = 0;

        if (e.file == STORE_PADDING) {
            if (mode == FILE_READ)
                memset(bytes, 0, e.length);
            bytes += e.length;
            continue;
        }
        r = store_open_file(job->store, e.file, mode, &fd);
        if (r == 0) {
            r = mode == FILE_WRITE ? io_write(fd, bytes, e.length, e.offset)
                                   : io_read(fd, bytes, e.length, e.offset, &got);
            io_close(fd);
        } else if (r == FILE_MISSING) {
            r = 0;
        }
        if (r) {
            job->failed_file = e.file;
            return r;
        }
        /* A piece that is still incomplete may end beyond the end of the file. */
        if (mode == FILE_READ)
            memset(bytes + got, 0, e.length - got);
        bytes += e.length;
    }
    return 0;
}

static int move_piece(struct job *job, const struct slot_move *m, struct disk_scratch *scratch)
{
    const struct store *s = job->store;
    uint32_t size = geometry_piece_size(metainfo_geometry(s->meta), m->piece), done = 0;
    int r = 0;

    while (done < size && !r) {
        uint32_t n = size - done < SCRATCH_SIZE ? size - done : SCRATCH_SIZE;

        r = copy_content(job, (uint64_t)m->from * s->piece_length + done, n, m->from != m->piece,
                         scratch->bytes, FILE_READ);
        if (!r)
            r = copy_content(job, (uint64_t)m->to * s->piece_length + done, n, m->to != m->piece,
                             scratch->bytes, FILE_WRITE);
        done += n;
    }
    return r;
}

static int run_write(struct job *job, struct disk_scratch *scratch)
{
    int r = 0;

    for (; job->n_moved < job->moves.n; job->n_moved++) {
        r = move_piece(job, &job->moves.move[job->n_moved], scratch);
        if (r)
            return r;
    }
    for (uint32_t i = 0; i < job->n_ranges && !r; i++)
        r = write_range(job, &job->ranges[i]);
    return r;
}

/* --- whole pieces ---------------------------------------------------------------------------- */

bool disk_job_is_whole_piece(const struct disk_job *head)
{
    const struct job *job = container_of(head, const struct job, head);

    return head->kind == DISK_WRITE &&
           job->n_blocks == storage_n_blocks(head->storage, job->piece) &&
           (uint32_t)__builtin_popcountll(job->blocks) == job->n_blocks;
}

unsigned disk_job_n_pieces(const struct disk_job *head)
{
    return container_of(head, const struct job, head)->n_lanes;
}

uint32_t disk_job_piece(const struct disk_job *head, unsigned lane)
{
    return container_of(head, const struct job, head)->lanes[lane].piece;
}

void disk_job_cancel(struct disk_job *head)
{
    atomic_store_explicit(&container_of(head, struct job, head)->cancelled, true,
                          memory_order_relaxed);
}

void disk_job_use_bytes(struct disk_job *head, unsigned lane, const uint8_t *bytes)
{
    container_of(head, struct job, head)->lanes[lane].bytes = bytes;
}

/* --- the door -------------------------------------------------------------------------------- */

void disk_scratch_deinit(struct disk_scratch *x)
{
    free(x->bytes);
    sha1_streams_deinit(&x->streams);
    *x = DISK_SCRATCH_EMPTY;
}

static void run_one(struct disk_job *head, struct disk_scratch *scratch)
{
    struct job *job = container_of(head, struct job, head);

    if (head->kind == DISK_OPEN)
        job_run_open(job);
    else if (head->kind == DISK_LOOK)
        job_run_look(job);
    else
        head->error = run_write(job, scratch);
}

/* How many jobs from FIRST on can be done as one: hash jobs that together fit the lanes, or saves. */
static unsigned count_together(const struct disk_job *first)
{
    const struct job *job = container_of(first, const struct job, head), *other;
    unsigned n_jobs = 1, n_lanes = job->n_lanes;

    for (const struct disk_job *next = first->next; next && next->kind == first->kind;
         next = next->next, n_jobs++) {
        other = container_of(next, const struct job, head);
        n_lanes += other->n_lanes;
        if (first->kind == DISK_HASH
                ? other->lane_size != job->lane_size || n_lanes > SHA1_LANES_MAX
                : n_jobs == JOBS_RESUME_MAX)
            break;
    }
    return n_jobs;
}

static struct disk_job *n_jobs_on(struct disk_job *job, unsigned n)
{
    while (n--)
        job = job->next;
    return job;
}

void disk_jobs_run(struct disk_job *first, struct disk_scratch *scratch)
{
    unsigned n;

    if (!scratch->bytes)
        scratch->bytes = mem_new(SCRATCH_SIZE);
    for (struct disk_job *job = first; job; job = job->next)
        job->error = 0;
    for (; first; first = n_jobs_on(first, n)) {
        n = 1;
        if (first->kind == DISK_HASH)
            jobs_run_hash(first, n = count_together(first), scratch);
        else if (first->kind == DISK_RESUME)
            jobs_run_resume(first, n = count_together(first));
        else
            run_one(first, scratch);
    }
}
