/* SPDX-License-Identifier: MIT */
/* Writes received blocks, after moving the pieces that use their slots (compact). */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/fs/io.h"
#include "conjure/torrent/padding.h"
#include "fs/internal.h"

struct write_job {
    struct job job;
    uint32_t piece, first_block, n_blocks;
    uint64_t blocks; /* bit i: block first_block + i is written */
    struct addr from;
    struct slot_moves moves;
    /* After running. */
    unsigned n_moved; /* how many of them were carried out */
    bool sync_failed; /* of job.failed_file */
};

static struct write_job *write_job_of(const struct job *job)
{
    return (struct write_job *)(void *)(uintptr_t)job;
}

/* --- prepare --------------------------------------------------------------------------------- */

/* Adds a write of zeros for each of BLOCKS. */
static int add_zeros(struct write_job *w, uint32_t slot, uint32_t first_block, uint64_t blocks)
{
    static const uint8_t zeros[BLOCK_SIZE];
    const struct store *store = w->job.store;
    int r = 0;

    for (; blocks && !r; blocks &= blocks - 1) {
        uint32_t block = first_block + (uint32_t)__builtin_ctzll(blocks);

        r = job_add_ranges(&w->job,
                           (uint64_t)slot * store->piece_length + (uint64_t)block * BLOCK_SIZE,
                           geometry_block_size(metainfo_geometry(store->meta), w->piece, block),
                           store_padding_of(slot, w->piece), zeros, JOB_LEASES);
    }
    return r;
}

/* Compact allocation: a piece in the slot of another piece is stored with its padding. */
static int add_padding(struct write_job *w, uint32_t slot)
{
    uint32_t n_blocks = store_n_blocks(w->job.store, w->piece);
    int r = 0;

    for (uint32_t first = 0; slot != w->piece && first < n_blocks && !r; first += 64)
        r = add_zeros(w, slot, first, padding_blocks(w->job.store->meta, w->piece, first));
    return r;
}

/* One range for each run of neighbouring blocks: they are neighbours in memory too. */
static int add_runs(struct write_job *w, uint32_t slot, const uint8_t *data)
{
    const struct store *store = w->job.store;
    uint32_t size = store_piece_size(store, w->piece);
    int r = 0;

    for (uint32_t i = 0, run; i < w->n_blocks && !r; i += run + 1) {
        uint64_t begin = (uint64_t)(w->first_block + i) * BLOCK_SIZE, end;

        for (run = 0; i + run < w->n_blocks && w->blocks >> (i + run) & 1; run++)
            ;
        if (!run)
            continue;
        end = begin + (uint64_t)run * BLOCK_SIZE;
        if (end > size)
            end = size;
        r = job_add_ranges(&w->job, (uint64_t)slot * store->piece_length + begin,
                           (uint32_t)(end - begin), store_padding_of(slot, w->piece),
                           data + (size_t)i * BLOCK_SIZE, JOB_LEASES);
    }
    return r;
}

static bool are_blocks(const struct store *s, uint32_t piece, uint32_t first_block,
                       uint32_t n_blocks, uint64_t blocks)
{
    return piece < s->n_pieces && n_blocks && n_blocks <= 64 &&
           first_block < store_n_blocks(s, piece) &&
           n_blocks <= store_n_blocks(s, piece) - first_block &&
           (n_blocks == 64 || !(blocks >> n_blocks));
}

int storage_prepare_write(struct storage *s, uint32_t piece, uint32_t first_block,
                          uint32_t n_blocks, uint64_t blocks, const uint8_t *data,
                          const struct addr *from, struct disk_job **jobp)
{
    struct placement *placement = s->placement;
    struct write_job *w;
    struct partial *p;
    uint32_t slot;
    bool begins;
    int r;

    owner_assert(&s->thread);
    assert(!s->unmade);
    *jobp = NULL;
    if (!are_blocks(&s->store, piece, first_block, n_blocks, blocks))
        return -EINVAL;
    if (bitfield_test(&s->books.verified, piece) || !placement->ops->takes(placement, piece))
        return 0;
    if (s->shared_file != STAMPS_NONE) {
        s->failed_file = s->shared_file;
        return -EMLINK;
    }
    if (placement->ops->one_job_at_a_time && s->n_jobs)
        return STORAGE_BUSY;
    begins = !s->books.partials[piece];
    p = books_add_partial(&s->books, piece);
    if (!p)
        return -ENOMEM;
    if (p->state != PARTIAL_OPEN)
        return 0;
    blocks = partial_missing(p, first_block, blocks);
    if (!blocks)
        return 0;
    w = write_job_of(job_new(s, &write_kind, sizeof *w));
    w->piece = piece;
    w->first_block = first_block;
    w->n_blocks = n_blocks;
    w->blocks = blocks;
    w->from = from ? *from : ADDR_NONE;
    if (placement_slot_of(placement, piece) == SLOT_NONE)
        placement->ops->place(placement, piece, &w->moves);
    slot = placement_slot_of(placement, piece);
    r = add_runs(w, slot, data);
    if (!r && begins)
        r = add_padding(w, slot);
    if (r) {
        if (w->moves.n)
            placement->ops->undo(placement, &w->moves, 0);
        job_free(&w->job);
        return r;
    }
    if (begins)
        partial_add_padding(p, s->store.meta, from);
    partial_begin_write(p, first_block, blocks);
    s->n_writes++;
    *jobp = &w->job.head;
    return 0;
}

bool disk_job_is_whole_piece(const struct disk_job *head)
{
    const struct write_job *w = write_job_of(container_of(head, struct job, head));

    return head->kind == DISK_WRITE && w->n_blocks == store_n_blocks(w->job.store, w->piece) &&
           (uint32_t)__builtin_popcountll(w->blocks) == w->n_blocks;
}

/* --- run ------------------------------------------------------------------------------------- */

static int write_range(struct job *job, struct job_range *range)
{
    int fd, r;

    if (range->handle) {
        r = io_write(range->handle->fd, range->bytes, range->extent.length, range->extent.offset);
        range->inode = stamp_inode(job->store, range->handle->fd);
    } else {
        r = store_open_file(job->store, range->extent.file, FILE_WRITE, &fd);
        if (!r) {
            r = io_write(fd, range->bytes, range->extent.length, range->extent.offset);
            range->inode = stamp_inode(job->store, fd);
            io_close(fd);
        }
    }
    if (r)
        job->failed_file = range->extent.file;
    return r;
}

/* Reads or writes a part of one file, which it opens. Bytes beyond the end of the file read as
 * zeros: an incomplete piece may end there. */
static int copy_extent(struct job *job, const struct extent *e, uint8_t *bytes, enum file_mode mode)
{
    size_t got = 0;
    int fd, r = 0;

    if (e->file != STORE_PADDING) {
        r = store_open_file(job->store, e->file, mode, &fd);
        if (r == 0) {
            r = mode == FILE_WRITE ? io_write(fd, bytes, e->length, e->offset)
                                   : io_read(fd, bytes, e->length, e->offset, &got);
            io_close(fd);
        } else if (r == FILE_MISSING) {
            r = 0;
        }
        if (r) {
            job->failed_file = e->file;
            return r;
        }
    }
    if (mode == FILE_READ)
        memset(bytes + got, 0, e->length - got);
    return 0;
}

/* Reads or writes the bytes [AT, AT + N) of PIECE in SLOT. */
static int copy_content(struct job *job, uint32_t piece, uint32_t slot, uint32_t at, uint32_t n,
                        uint8_t *bytes, enum file_mode mode)
{
    uint64_t from = (uint64_t)slot * job->store->piece_length + at, end = from + n;
    struct extent e;
    int r = 0;

    while (!r && store_next_extent(job->store, &from, end, store_padding_of(slot, piece), &e)) {
        r = copy_extent(job, &e, bytes, mode);
        bytes += e.length;
    }
    return r;
}

static int sync_slot(struct job *job, uint32_t piece, uint32_t slot)
{
    uint64_t at = (uint64_t)slot * job->store->piece_length;
    uint64_t end = at + store_piece_size(job->store, piece);
    struct extent e;
    int r = 0;

    while (!r && store_next_extent(job->store, &at, end, store_padding_of(slot, piece), &e)) {
        int fd;

        if (e.file == STORE_PADDING)
            continue;
        r = store_open_file(job->store, e.file, FILE_READ, &fd);
        if (!r) {
            r = io_sync(fd);
            write_job_of(job)->sync_failed = r != 0;
            io_close(fd);
        } else if (r == FILE_MISSING) {
            r = 0;
        }
        if (r)
            job->failed_file = e.file;
    }
    return r;
}

/* Syncs the copy, because the next write may replace the piece in its old slot. Without the sync, a
 * power failure could lose a piece that resume data lists as verified. */
static int move_piece(struct job *job, const struct slot_move *m, struct disk_scratch *scratch)
{
    uint32_t size = store_piece_size(job->store, m->piece), done = 0;
    int r = 0;

    while (done < size && !r) {
        uint32_t n = size - done < JOB_SCRATCH_BYTES ? size - done : JOB_SCRATCH_BYTES;

        r = copy_content(job, m->piece, m->from, done, n, scratch->bytes, FILE_READ);
        if (!r)
            r = copy_content(job, m->piece, m->to, done, n, scratch->bytes, FILE_WRITE);
        done += n;
    }
    return r ? r : sync_slot(job, m->piece, m->to);
}

static void write_run(struct job *job, unsigned n, struct disk_scratch *scratch)
{
    struct write_job *w = write_job_of(job);
    int r = 0;

    while (w->n_moved < w->moves.n && !r) {
        r = move_piece(job, &w->moves.move[w->n_moved], scratch);
        w->n_moved += !r;
    }
    for (size_t i = 0; i < job->n_ranges && !r; i++)
        r = write_range(job, &job->ranges[i]);
    job->head.error = r;
}

/* --- finish ---------------------------------------------------------------------------------- */

/* The files that a job wrote to have to be synced before resume data claims more of them. Other
 * files of the same piece may not exist yet. */
static void mark_written(struct storage *s, const struct write_job *w)
{
    for (unsigned i = 0; i < w->n_moved; i++) {
        const struct slot_move *m = &w->moves.move[i];

        stamps_mark(&s->stamps, &s->store, UNSYNCED_WRITTEN, m->to,
                    store_piece_size(&s->store, m->piece), store_padding_of(m->to, m->piece));
    }
    if (w->sync_failed)
        s->stamps.unsynced[w->job.failed_file] |= UNSYNCED_FAILED;
    for (size_t i = 0; i < w->job.n_ranges; i++) {
        uint32_t file = w->job.ranges[i].extent.file;

        /* After an error too: a part may be written, and a file that was opened exists. */
        if (w->job.head.error && !w->job.ranges[i].handle)
            continue;
        if (file != STORE_PADDING &&
            stamps_note_written(&s->stamps, file, w->job.ranges[i].inode) == STAMPS_REPLACED)
            events_add(&s->events, STORAGE_CHANGED, file, NULL);
    }
}

/* Verified pieces that moved into their own slots are completed. */
static void finish_moves(struct storage *s, struct write_job *w)
{
    for (unsigned i = 0; i < w->n_moved; i++) {
        uint32_t piece = w->moves.move[i].piece;

        bitfield_clear(&s->books.unreadable, w->moves.move[i].to);
        if (!bitfield_test(&s->books.verified, piece) ||
            placement_slot_of(s->placement, piece) != piece)
            continue;
        if (bitfield_set(&s->books.have, piece))
            events_add(&s->events, STORAGE_COMPLETED, piece, NULL);
    }
    if (w->n_moved < w->moves.n)
        s->placement->ops->undo(s->placement, &w->moves, w->n_moved);
}

static void write_finish(struct storage *s, struct job *job)
{
    struct write_job *w = write_job_of(job);
    struct partial *p = s->books.partials[w->piece];

    s->n_writes--;
    mark_written(s, w);
    finish_moves(s, w);
    if (job->head.error)
        partial_fail_write(p, w->first_block, w->blocks);
    else
        books_end_write(&s->books, p, w->first_block, w->blocks, &w->from);
}

const struct job_kind write_kind = {
    .kind = DISK_WRITE,
    .run = write_run,
    .finish = write_finish,
};
