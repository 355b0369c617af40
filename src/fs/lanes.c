/* SPDX-License-Identifier: MIT */
/*
 * Pieces of equal size are read side by side, in chunks small enough that those of all lanes stay
 * in the second-level cache until they are hashed. A piece that is still in the buffer that it was
 * received in is hashed from there. The lanes may belong to several jobs, of several torrents.
 *
 * A check reads gently (gentle.h), opens its files itself, one at a time for each lane, and tests
 * before each chunk whether it was cancelled.
 */
#include "fs/lanes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/fs/io.h"
#include "conjure/piece/geometry.h"
#include "fs/gentle.h"

#define CHUNK_MAX (64u * 1024) /* bytes of one lane, when lanes are few */

int lanes_add(struct lane_job *lanes, const struct lane *lane, enum job_leases leases)
{
    struct job *job = &lanes->job;
    struct lane *added = &lanes->lanes[lanes->n_lanes];
    int r;

    *added = *lane;
    added->first_range = job->n_ranges;
    r = job_add_ranges(job, (uint64_t)lane->slot * job->store->piece_length, lanes->lane_size,
                       store_padding_of(lane->slot, lane->piece), NULL, leases);
    if (!r)
        lanes->n_lanes++;
    return r;
}

bool lanes_join(const struct job *first, unsigned n, const struct job *next)
{
    const struct lane_job *lanes = lane_job_of(first), *other = lane_job_of(next);
    unsigned n_lanes = other->n_lanes;

    for (; n--; first = job_next(first))
        n_lanes += lane_job_of(first)->n_lanes;
    return other->lane_size == lanes->lane_size && n_lanes <= SHA1_LANES_MAX;
}

void lanes_deinit(struct job *job)
{
    struct lane_job *lanes = lane_job_of(job);

    for (unsigned i = 0; i < lanes->n_lanes; i++)
        free(lanes->lanes[i].digests);
}

unsigned disk_job_n_pieces(const struct disk_job *head)
{
    return lane_job_of(container_of(head, struct job, head))->n_lanes;
}

/* --- reading --------------------------------------------------------------------------------- */

/* How far one lane has been read. */
struct reader {
    struct lane_job *lanes;
    size_t range;           /* number of a range */
    uint32_t at;            /* in the range */
    struct gentle own_file; /* own_file by this reader */
};

static void reader_init(struct reader *r, struct lane_job *lanes, const struct lane *lane)
{
    r->lanes = lanes;
    r->range = lane->first_range;
    r->at = 0;
    r->own_file.fd = -1;
}

static int reader_open(struct reader *r, uint32_t file)
{
    int fd, error = store_open_file(r->lanes->job.store, file, FILE_READ, &fd);

    if (!error)
        gentle_init(&r->own_file, fd);
    return error;
}

/* At most N bytes, from one file. 0, FILE_MISSING or -errno. */
static int reader_read_part(struct reader *r, const struct job_range *range, uint8_t *bytes,
                            size_t n, size_t *gotp)
{
    uint64_t offset = range->extent.offset + r->at;
    int error = 0;

    if (range->extent.file == STORE_PADDING) {
        memset(bytes, 0, n);
        *gotp = n;
        return 0;
    }
    if (range->handle)
        return io_read(range->handle->fd, bytes, n, offset, gotp);
    if (r->own_file.fd < 0)
        error = reader_open(r, range->extent.file);
    if (error)
        return error;
    return r->lanes->gently ? gentle_read(&r->own_file, bytes, n, offset, gotp)
                            : io_read(r->own_file.fd, bytes, n, offset, gotp);
}

/* Whether ERROR is about the place on the disk that was read, so that others may be readable. */
static bool is_bad_sector(int error)
{
    return error == -EIO || error == -EBADMSG || error == -EUCLEAN || error == -ENODATA ||
           error == -EILSEQ || error == -EREMOTEIO;
}

/* The next N bytes of the lane. LANE_GOOD, LANE_MISSING, LANE_UNREADABLE or LANE_ERROR. */
static enum lane_result reader_read(struct reader *reader, uint8_t *bytes, size_t n)
{
    struct job *job = &reader->lanes->job;

    while (n) {
        const struct job_range *range = &job->ranges[reader->range];
        size_t part = range->extent.length - reader->at, got = 0;
        int r;

        if (part > n)
            part = n;
        r = reader_read_part(reader, range, bytes, part, &got);
        if (r < 0 && reader->lanes->gently && is_bad_sector(r))
            return LANE_UNREADABLE;
        if (r < 0) {
            job->head.error = r;
            job->failed_file = range->extent.file;
            return LANE_ERROR;
        }
        if (r == FILE_MISSING || got < part)
            return LANE_MISSING;
        bytes += part;
        n -= part;
        reader->at += (uint32_t)part;
        if (reader->at == range->extent.length) {
            gentle_deinit(&reader->own_file);
            reader->range++;
            reader->at = 0;
        }
    }
    return LANE_GOOD;
}

/* --- hashing --------------------------------------------------------------------------------- */

static void hash_blocks_of(struct lane_job *lanes, struct lane *lane, struct disk_scratch *scratch)
{
    uint32_t n_blocks = (lanes->lane_size + BLOCK_SIZE - 1) / BLOCK_SIZE, left = lanes->lane_size;
    struct reader reader;

    reader_init(&reader, lanes, lane);
    lane->digests = malloc((size_t)n_blocks * SHA1_SIZE);
    for (uint32_t i = 0; lane->digests && i < n_blocks; i++) {
        uint32_t n = left < BLOCK_SIZE ? left : BLOCK_SIZE;

        if (reader_read(&reader, scratch->bytes, n) != LANE_GOOD) {
            free(lane->digests);
            lane->digests = NULL;
            break;
        }
        sha1(scratch->bytes, n, lane->digests[i]);
        left -= n;
    }
    gentle_deinit(&reader.own_file);
}

/* A lane of the batch: one of a job's, with its reader. */
struct active_lane {
    struct lane *lane;
    struct reader reader;
};

static unsigned gather(struct job *first, unsigned n_jobs, struct active_lane *lanes)
{
    unsigned n = 0;

    for (struct job *job = first; n_jobs; n_jobs--, job = job_next(job)) {
        struct lane_job *from = lane_job_of(job);

        for (unsigned i = 0; i < from->n_lanes; i++, n++) {
            lanes[n].lane = &from->lanes[i];
            lanes[n].lane->result = LANE_GOOD;
            reader_init(&lanes[n].reader, from, lanes[n].lane);
        }
    }
    return n;
}

static enum lane_result read_lane(struct active_lane *x, uint8_t *bytes, uint32_t n)
{
    enum lane_result result = reader_read(&x->reader, bytes, n);

    if (result == LANE_UNREADABLE)
        x->lane->failed_file = x->reader.lanes->job.ranges[x->reader.range].extent.file;
    return result;
}

/* Points BUFFERS at the next N bytes of all lanes. */
static void read_lanes(struct active_lane *lanes, unsigned n_lanes, uint32_t at, uint32_t n,
                       const uint8_t **buffers)
{
    for (unsigned i = 0; i < n_lanes; i++) {
        struct lane *lane = lanes[i].lane;

        if (lane->bytes)
            buffers[i] = lane->bytes + at;
        else if (job_is_cancelled(&lanes[i].reader.lanes->job))
            lane->result = LANE_CANCELLED;
        else if (lane->result == LANE_GOOD)
            lane->result = read_lane(&lanes[i], (uint8_t *)buffers[i], n);
    }
}

static bool is_any_good(const struct active_lane *lanes, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (lanes[i].lane->result == LANE_GOOD)
            return true;
    return false;
}

static void judge_lane(struct active_lane *active, const uint8_t digest[SHA1_SIZE],
                       struct disk_scratch *scratch)
{
    struct lane *lane = active->lane;

    gentle_deinit(&active->reader.own_file);
    if (lane->result != LANE_GOOD)
        return;
    memcpy(lane->digest, digest, SHA1_SIZE);
    if (lane->expected && memcmp(lane->expected, lane->digest, SHA1_SIZE))
        lane->result = LANE_BAD;
    if (lane->result == LANE_BAD ? lane->digest_if_bad : lane->digest_if_good)
        hash_blocks_of(active->reader.lanes, lane, scratch);
}

void lanes_run(struct job *first, unsigned n_jobs, struct disk_scratch *scratch)
{
    uint32_t size = lane_job_of(first)->lane_size, chunk, at = 0;
    const uint8_t *buffers[SHA1_LANES_MAX];
    uint8_t digests[SHA1_LANES_MAX][SHA1_SIZE];
    struct active_lane lanes[SHA1_LANES_MAX];
    unsigned n_lanes = gather(first, n_jobs, lanes);

    chunk = JOB_SCRATCH_BYTES / n_lanes / 4096 * 4096;
    if (chunk > CHUNK_MAX)
        chunk = CHUNK_MAX;
    for (unsigned i = 0; i < n_lanes; i++)
        buffers[i] = scratch->bytes + (size_t)i * chunk;
    sha1_streams_init(&scratch->streams, n_lanes);
    for (;;) {
        uint32_t n = size - at < chunk ? size - at : chunk;

        read_lanes(lanes, n_lanes, at, n, buffers);
        at += n;
        if (at == size || !is_any_good(lanes, n_lanes)) {
            sha1_streams_finish(&scratch->streams, buffers, n_lanes, n, digests);
            break;
        }
        sha1_streams_update(&scratch->streams, buffers, n_lanes, n);
    }
    for (unsigned i = 0; i < n_lanes; i++)
        judge_lane(&lanes[i], digests[i], scratch);
}
