/* SPDX-License-Identifier: MIT */
/*
 * What workers do. A job carries leased descriptors for its first JOB_HANDLES_MAX extents; a piece
 * of thousands of tiny files has more, and those files are opened and closed on the way, so that the
 * number of descriptors stays bounded whatever a torrent looks like.
 *
 * HASHING. Pieces of equal size are read side by side from the page cache, in chunks small enough
 * that those of all lanes stay in the second-level cache until they are hashed. A piece that is still
 * in memory as it was written is hashed from there.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "fs/io.h"
#include "fs/resume.h"
#include "fs/storage_struct.h"

#define JOB_HANDLES_MAX 64
#define SCRATCH_SIZE    (512u * 1024)
#define CHUNK_MAX       (64u * 1024) /* of one lane, when lanes are few */

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
    free(job->dirty);
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
        if (!range || extent.file == STORE_PADDING || job->n_ranges > JOB_HANDLES_MAX)
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
    uint32_t size = store_piece_size(s, m->piece), done = 0;
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

/* --- hashing --------------------------------------------------------------------------------- */

/* Where the reading of one lane stands. */
struct reader {
    struct job *job;
    uint32_t range, end; /* numbers of ranges */
    uint32_t at;         /* in the range */
    int fd;              /* opened here, or -1 */
};

static void reader_close(struct reader *r)
{
    if (r->fd >= 0)
        io_close(r->fd);
    r->fd = -1;
}

/* The next N bytes of the lane. LANE_GOOD, LANE_MISSING or LANE_ERROR. */
static enum lane_result reader_read(struct reader *reader, uint8_t *bytes, size_t n)
{
    struct job *job = reader->job;

    while (n) {
        struct job_range *range = &job->ranges[reader->range];
        size_t part = range->extent.length - reader->at, got = 0;
        int r = 0;

        if (part > n)
            part = n;
        if (range->extent.file == STORE_PADDING) {
            memset(bytes, 0, part);
            got = part;
        } else {
            if (!range->handle && reader->fd < 0)
                r = store_open_file(job->store, range->extent.file, FILE_READ, &reader->fd);
            if (r == FILE_MISSING)
                return LANE_MISSING;
            if (!r)
                r = io_read(range->handle ? range->handle->fd : reader->fd, bytes, part,
                            range->extent.offset + reader->at, &got);
        }
        if (r) {
            job->head.error = r;
            job->failed_file = range->extent.file;
            return LANE_ERROR;
        }
        if (got < part)
            return LANE_MISSING;
        bytes += part;
        n -= part;
        reader->at += (uint32_t)part;
        if (reader->at == range->extent.length) {
            reader_close(reader);
            reader->range++;
            reader->at = 0;
        }
    }
    return LANE_GOOD;
}

static void hash_blocks_of(struct job *job, struct job_lane *lane, struct disk_scratch *scratch)
{
    uint32_t n_blocks = (job->lane_size + STORAGE_BLOCK - 1) / STORAGE_BLOCK, left = job->lane_size;
    struct reader reader = {job, lane->first_range, lane->first_range + lane->n_ranges, 0, -1};

    lane->digests = malloc((size_t)n_blocks * SHA1_SIZE);
    for (uint32_t i = 0; lane->digests && i < n_blocks; i++) {
        uint32_t n = left < STORAGE_BLOCK ? left : STORAGE_BLOCK;

        if (reader_read(&reader, scratch->bytes, n) != LANE_GOOD) {
            free(lane->digests);
            lane->digests = NULL;
            break;
        }
        sha1(scratch->bytes, n, lane->digests[i]);
        left -= n;
    }
    reader_close(&reader);
}

static void run_hash(struct job *job, struct disk_scratch *scratch)
{
    uint32_t chunk = SCRATCH_SIZE / job->n_lanes / 4096 * 4096, at = 0;
    const uint8_t *buffers[SHA1_LANES_MAX];
    uint8_t digests[SHA1_LANES_MAX][SHA1_SIZE];
    struct reader readers[SHA1_LANES_MAX];

    if (chunk > CHUNK_MAX)
        chunk = CHUNK_MAX;
    for (unsigned i = 0; i < job->n_lanes; i++) {
        struct job_lane *lane = &job->lanes[i];

        lane->result = LANE_GOOD;
        buffers[i] = scratch->bytes + (size_t)i * chunk;
        readers[i] =
            (struct reader){job, lane->first_range, lane->first_range + lane->n_ranges, 0, -1};
    }
    sha1_streams_init(&scratch->streams, job->n_lanes);
    for (;;) {
        uint32_t n = job->lane_size - at < chunk ? job->lane_size - at : chunk;

        for (unsigned i = 0; i < job->n_lanes; i++) {
            struct job_lane *lane = &job->lanes[i];

            if (lane->bytes)
                buffers[i] = lane->bytes + at;
            else if (lane->result == LANE_GOOD)
                lane->result = reader_read(&readers[i], scratch->bytes + (size_t)i * chunk, n);
        }
        at += n;
        if (at == job->lane_size) {
            sha1_streams_finish(&scratch->streams, buffers, job->n_lanes, n, digests);
            break;
        }
        sha1_streams_update(&scratch->streams, buffers, job->n_lanes, n);
    }
    for (unsigned i = 0; i < job->n_lanes; i++) {
        struct job_lane *lane = &job->lanes[i];

        reader_close(&readers[i]);
        if (lane->result != LANE_GOOD)
            continue;
        memcpy(lane->digest, digests[i], SHA1_SIZE);
        if (lane->expected && memcmp(lane->expected, lane->digest, SHA1_SIZE))
            lane->result = LANE_BAD;
        if (lane->result == LANE_BAD ? lane->digest_if_bad : lane->digest_if_good)
            hash_blocks_of(job, lane, scratch);
    }
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

void disk_job_run(struct disk_job *head, struct disk_scratch *scratch)
{
    struct job *job = container_of(head, struct job, head);

    if (!scratch->bytes)
        scratch->bytes = mem_new(SCRATCH_SIZE);
    head->error = 0;
    switch (head->kind) {
    case DISK_OPEN:
        job_run_open(job);
        break;
    case DISK_WRITE:
        head->error = run_write(job, scratch);
        break;
    case DISK_HASH:
        run_hash(job, scratch);
        break;
    case DISK_RESUME:
        job_run_resume(job);
        break;
    }
}
