/* SPDX-License-Identifier: MIT */
/*
 * Saving resume data while the download continues. Three steps in this order: a snapshot of the
 * books (FS's thread), a sync of every file written since the last one, the resume file itself
 * (worker). Blocks that are written meanwhile are not in the snapshot, so resume data claims
 * nothing that a crash could undo. While a check is under way the snapshot has the pieces that are
 * still doubtful, so that the next start continues there.
 *
 * Files that a check has found correct may have been copied there a moment ago and be in memory
 * only, so they are synced too. But each sync may flush the disk's cache, and a check of thousands
 * of files is mostly one of old files, which the kernel has written back already.
 *
 * FAILED SYNCS. Linux reports an error of write-back once, and then counts the pages as clean. So a
 * file whose sync failed is never believed again: resume data has its pieces as doubtful, and what
 * the cache has of it is dropped, so that the next check reads the disk.
 *
 * A thousand torrents save once a minute, and all together at the end. So resume data that
 * has not changed is not written again. Saves that are neighbours in the queue share the sync of
 * their folder, and the write-back of all of them is started before the first one is awaited.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/fs/io.h"
#include "fs/internal.h"
#include "fs/resume.h"

#define OLD_S        3600 /* the kernel has written back a file that is unchanged for so long */
#define TOGETHER_MAX 16   /* saves in one run */

struct save_job {
    struct job job;
    const char *path;      /* the storage's, constant */
    struct resume *resume; /* a snapshot of the books, owned */
    uint8_t *unsynced;     /* one per file, owned: the files to be synced first; those of failed
                            * syncs are marked */
    uint64_t *written;     /* one per file, owned: the inode that we wrote to */
    int sync_error;        /* after running: of the first file that could not be synced */
    uint32_t replaced;     /* after running: the first file that is another one now */
    struct saved saved;    /* before running, and after */
    bool records_all;      /* no file is foreign */
    bool was_complete;     /* at an earlier save */
};

static struct save_job *save_job_of(struct job *job)
{
    return container_of(job, struct save_job, job);
}

/* --- prepare --------------------------------------------------------------------------------- */

static int copy_partials(const struct books *b, struct resume *resume)
{
    uint32_t n = 0;

    for (uint32_t piece = 0; piece < b->geometry->n_pieces; piece++)
        n += b->partials[piece] && b->partials[piece]->n_stored;
    resume->partials = calloc((size_t)n + 1, sizeof *resume->partials);
    if (!resume->partials)
        return -ENOMEM;
    for (uint32_t piece = 0; piece < b->geometry->n_pieces; piece++) {
        const struct partial *p = b->partials[piece];
        struct resume_partial *to = &resume->partials[resume->n_partials];
        size_t size;

        if (!p || !p->n_stored)
            continue;
        size = ((size_t)p->n_blocks + 63) / 64 * sizeof *to->blocks;
        *to = (struct resume_partial){piece, p->n_blocks, malloc(size)};
        if (!to->blocks)
            return -ENOMEM;
        memcpy(to->blocks, p->on_disk, size);
        resume->n_partials++;
    }
    return 0;
}

static void copy_bits(struct bitfield *to, const struct bitfield *from)
{
    memcpy(to->bytes, from->bytes, bitfield_size(from->n_bits));
    to->n_set = from->n_set;
}

static bool is_complete(const struct storage *s)
{
    for (uint32_t piece = 0; piece < s->store.n_pieces; piece++)
        if (!bitfield_test(&s->books.verified, piece) && store_piece_is_wanted(&s->store, piece))
            return false;
    return true;
}

static int take_snapshot(const struct storage *s, struct resume *resume)
{
    uint32_t n_files = s->store.n_files;
    int r;

    resume->allocation = s->store.allocation;
    copy_bits(&resume->pieces, &s->books.verified);
    copy_bits(&resume->doubtful, &s->books.doubtful);
    resume->checking = s->checking_all;
    memcpy(resume->stamps, s->stamps.files, n_files * sizeof *resume->stamps);
    for (uint32_t file = 0; file < n_files; file++)
        resume->parts[file] = store_is_part(&s->store, file);
    resume->complete = s->ownership.was_complete || is_complete(s);
    if (!s->ownership.was_complete)
        memcpy(resume->foreign, s->ownership.foreign, n_files);
    r = s->placement->ops->snapshot(s->placement, resume);
    for (uint32_t slot = 0; s->books.unreadable.n_set && slot < s->store.n_pieces; slot++)
        if (bitfield_test(&s->books.unreadable, slot))
            bitfield_set(&resume->doubtful, slot);
    return r ? r : copy_partials(&s->books, resume);
}

int storage_prepare_save(struct storage *s, uint64_t uploaded, uint64_t downloaded,
                         enum save_reason reason, struct disk_job **jobp)
{
    enum save_verdict verdict;
    struct save_job *x;

    owner_assert(&s->thread);
    *jobp = NULL;
    if (!s->resume_path)
        return 0;
    if (!s->stamps.files)
        return STORAGE_BUSY; /* the make job has them */
    verdict = s->placement->ops->may_save(s->placement, &s->books, s->n_jobs > 0);
    if (verdict != SAVE_NOW)
        return verdict == SAVE_LATER ? STORAGE_BUSY : 0;
    x = save_job_of(job_new(s, &save_kind, sizeof *x));
    x->path = s->resume_path;
    x->resume = resume_new(s->store.meta);
    x->unsynced = malloc((size_t)s->store.n_files + 1);
    if (x->resume)
        x->resume->clean = reason == SAVE_CLOSING;
    x->written = malloc(((size_t)s->store.n_files + 1) * sizeof *x->written);
    x->replaced = JOB_FILE_NONE;
    if (!x->resume || !x->unsynced || !x->written || take_snapshot(s, x->resume)) {
        job_free(&x->job);
        return -ENOMEM;
    }
    x->resume->uploaded = uploaded;
    x->resume->downloaded = downloaded;
    memcpy(x->unsynced, s->stamps.unsynced, s->store.n_files);
    memset(s->stamps.unsynced, 0, s->store.n_files);
    memcpy(x->written, s->stamps.written, s->store.n_files * sizeof *x->written);
    s->saving = true;
    x->records_all = !s->ownership.n_foreign;
    x->was_complete = s->ownership.was_complete;
    x->saved = s->saved;
    *jobp = &x->job.head;
    return 0;
}

/* --- run ------------------------------------------------------------------------------------- */

/* See FAILED SYNCS. A slot of a compact torrent can hold any piece: then all slots are read. */
static void disclaim_file(struct save_job *x, uint32_t file)
{
    const struct metainfo_file *f = metainfo_file(x->job.store->meta, file);
    uint32_t piece_length = x->job.store->piece_length;
    struct resume *resume = x->resume;

    if (store_files_grow(x->job.store))
        resume->clean = false;
    /* What the disk loses is not a change by the owner. */
    resume->complete = x->was_complete;
    for (uint64_t at = f->offset / piece_length * piece_length; at < f->offset + f->length;
         at += piece_length) {
        uint32_t piece = (uint32_t)(at / piece_length);

        if (bitfield_clear(&resume->pieces, piece))
            bitfield_set(&resume->doubtful, piece);
        for (uint32_t i = 0; i < resume->n_partials; i++)
            if (resume->partials[i].piece == piece)
                memset(resume->partials[i].blocks, 0,
                       ((size_t)resume->partials[i].n_blocks + 63) / 64 * sizeof(uint64_t));
    }
}

/* 0, FILE_MISSING or -errno. Marks the file when its sync fails. */
static int sync_file(struct save_job *x, uint32_t file)
{
    bool written = x->unsynced[file] & UNSYNCED_WRITTEN;
    int fd, r = store_open_file(x->job.store, file, FILE_READ, &fd);
    uint64_t inode;

    if (r)
        return r;
    inode = written ? stamp_inode(x->job.store, fd) : 0;
    if (inode && x->written[file] && inode != x->written[file]) {
        /* Not what we wrote to, which nobody will find again. */
        x->unsynced[file] |= UNSYNCED_FAILED;
        if (x->replaced == JOB_FILE_NONE)
            x->replaced = file;
    }
    r = written || !io_is_old(fd, OLD_S) ? io_sync(fd) : 0;
    if (r)
        x->unsynced[file] |= UNSYNCED_FAILED;
    if (x->unsynced[file] & UNSYNCED_FAILED)
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    io_close(fd);
    return r;
}

static bool is_about_process(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

/* 0, or -errno when nothing is to be saved. A file that could not be synced is disclaimed, and the
 * others are saved all the same. */
static int sync_content(struct save_job *x)
{
    const struct store *store = x->job.store;
    int r = 0;

    for (uint32_t file = 0; file < store->n_files; file++) {
        bool failed_before = x->unsynced[file] & UNSYNCED_FAILED;

        if (!x->unsynced[file])
            continue;
        r = sync_file(x, file);
        /* Another program has removed a file that we wrote to. With files that grow, a moved
         * piece may have had no byte to write there. */
        if (r == FILE_MISSING)
            r = x->unsynced[file] & UNSYNCED_WRITTEN && !store_files_grow(store) ? -ENOENT : 0;
        if (is_about_process(r))
            return r;
        if (r && !x->sync_error && !failed_before) {
            x->sync_error = r;
            x->job.failed_file = file;
        }
        if (r || x->unsynced[file] & UNSYNCED_FAILED)
            disclaim_file(x, file);
    }
    r = 0;
    for (uint32_t file = 0; file < store->n_files && !r; file++)
        if (x->unsynced[file] & UNSYNCED_WRITTEN)
            r = stamp_read(store, file, &x->resume->stamps[file]);
    return r;
}

/* Writes the new file beside the old one; R is IO_REPLACEMENT_EMPTY when there is nothing to do. */
static int begin_save(struct save_job *x, struct io_replacement *r)
{
    uint8_t *bytes = NULL, digest[SHA1_SIZE];
    size_t n = 0;
    int error = sync_content(x);

    if (!error)
        error = resume_encode(x->resume, x->job.store->meta, &bytes, &n);
    if (error)
        return error;
    sha1(bytes, n, digest);
    if (!x->saved.exists || memcmp(digest, x->saved.digest, SHA1_SIZE)) {
        memcpy(x->saved.digest, digest, SHA1_SIZE);
        x->saved.exists = false;
        error = io_replace_begin(r, x->path, bytes, n);
    }
    free(bytes);
    return error;
}

static void save_run(struct job *first, unsigned n_jobs, struct disk_scratch *scratch)
{
    struct io_replacement files[TOGETHER_MAX];
    const char *synced = NULL; /* the folder of this path has been synced */
    struct job *job = first;
    int error = 0;

    for (unsigned i = 0; i < n_jobs; i++, job = job_next(job)) {
        files[i] = IO_REPLACEMENT_EMPTY;
        job->head.error = begin_save(save_job_of(job), &files[i]);
    }
    job = first;
    for (unsigned i = 0; i < n_jobs; i++, job = job_next(job))
        if (files[i].path)
            job->head.error = io_replace_end(&files[i]);
    job = first;
    for (unsigned i = 0; i < n_jobs; i++, job = job_next(job)) {
        if (!files[i].path || job->head.error)
            continue;
        if (!synced || !io_is_same_folder(synced, files[i].path))
            error = io_sync_folder_of(files[i].path);
        synced = files[i].path;
        job->head.error = error;
        save_job_of(job)->saved.exists = !error;
    }
    job = first;
    for (unsigned i = 0; i < n_jobs; i++, job = job_next(job))
        if (!job->head.error)
            job->head.error = save_job_of(job)->sync_error;
}

static bool save_joins(const struct job *first, unsigned n, const struct job *next)
{
    return n < TOGETHER_MAX;
}

/* --- finish ---------------------------------------------------------------------------------- */

static void save_finish(struct storage *s, struct job *job)
{
    struct save_job *x = save_job_of(job);

    s->saving = false;
    s->saved = x->saved;
    /* After an error too: see record_ownership. */
    if (x->records_all)
        s->ownership.unrecorded = false;
    if (x->replaced != JOB_FILE_NONE && !(s->stamps.unsynced[x->replaced] & UNSYNCED_FAILED))
        events_add(&s->events, STORAGE_CHANGED, x->replaced, NULL);
    if (!job->head.error) {
        s->ownership.was_complete = x->resume->complete;
        memcpy(s->stamps.files, x->resume->stamps, s->store.n_files * sizeof *s->stamps.files);
    }
    for (uint32_t file = 0; file < s->store.n_files; file++)
        s->stamps.unsynced[file] |=
            job->head.error ? x->unsynced[file] : x->unsynced[file] & UNSYNCED_FAILED;
}

static void save_deinit(struct job *job)
{
    struct save_job *x = save_job_of(job);

    resume_free(x->resume);
    free(x->unsynced);
    free(x->written);
}

const struct job_kind save_kind = {
    .kind = DISK_SAVE,
    .joins = save_joins,
    .run = save_run,
    .finish = save_finish,
    .deinit = save_deinit,
};
