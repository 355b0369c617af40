/* SPDX-License-Identifier: MIT */
/*
 * Saving resume data while the download goes on. Three things in this order: a snapshot of the books
 * (FS), a sync of every file written since the last one, the resume file itself (worker). What is
 * written meanwhile is not in the snapshot, so nothing is claimed that a crash could take back. While a
 * check is under way the snapshot says what is still doubtful, so that the next start goes on there.
 *
 * What a check has found good may have been copied there a moment ago and be in memory only, so it
 * is synced, too. But each sync may flush the disk's cache, and a check of thousands of files is mostly one of
 * files that nobody has touched for long, which the kernel wrote back by itself.
 *
 * A thousand torrents save once a minute, and all together at the end. So what would be the same bytes as
 * are on disk already is not written; and saves that are neighbours in the queue share the sync of their
 * folder, and begin to be written before the first one is waited for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/fs/io.h"
#include "fs/resume.h"
#include "fs/storage_struct.h"

#define OLD_S 3600

static int copy_partials(const struct storage *s, struct resume *resume)
{
    uint32_t n = 0;

    for (uint32_t piece = 0; piece < s->store.n_pieces; piece++)
        n += s->partials[piece] && s->partials[piece]->n_stored;
    resume->partials = calloc((size_t)n + 1, sizeof *resume->partials);
    if (!resume->partials)
        return -ENOMEM;
    for (uint32_t piece = 0; piece < s->store.n_pieces; piece++) {
        const struct partial *p = s->partials[piece];
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

/* Compact: verified, and not where it belongs, so that nobody can be served from it yet. */
static bool is_guest(const struct storage *s, uint32_t piece)
{
    return bitfield_test(&s->verified, piece) && !bitfield_test(&s->have, piece);
}

static uint64_t stored_word(const struct storage *s, uint32_t piece, uint32_t at)
{
    const struct partial *p = s->partials[piece];
    uint32_t n = storage_n_blocks(s, piece) - at;

    if (is_guest(s, piece))
        return n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
    return p ? p->on_disk[at / 64] : 0;
}

int storage_list_stored(const struct storage *s, struct stored_blocks *storedp)
{
    size_t n = 0;

    *storedp = STORED_BLOCKS_EMPTY;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t piece = 0; piece < s->store.n_pieces; piece++) {
            uint32_t n_blocks = storage_n_blocks(s, piece);

            if (!s->partials[piece] && !is_guest(s, piece))
                continue;
            for (uint32_t at = 0; at < n_blocks; at += 64) {
                uint64_t blocks = stored_word(s, piece, at);

                if (!blocks)
                    continue;
                if (pass)
                    storedp->runs[storedp->n++] = (struct stored_run){blocks, piece, at};
                else
                    n++;
            }
        }
        if (!pass && n)
            storedp->runs = malloc(n * sizeof *storedp->runs);
        if (!storedp->runs)
            return n ? -ENOMEM : 0;
    }
    return 0;
}

static bool is_scanning(const struct storage *s)
{
    return s->scan.found != NULL;
}

/* What has been found so far. Every other slot is as doubtful as at the beginning: which passes it
 * went through is not kept. */
static void copy_scan(const struct storage *s, struct resume *resume)
{
    memcpy(resume->pieces.bytes, s->scan.placed.bytes, bitfield_size(s->scan.placed.n_bits));
    resume->pieces.n_set = s->scan.placed.n_set;
    for (uint32_t slot = 0; slot < s->store.n_pieces; slot++)
        if (bitfield_test(&s->scan.unmatched, slot))
            bitfield_set(&resume->doubtful, slot);
}

static int take_snapshot(const struct storage *s, struct resume *resume)
{
    uint32_t n_files = s->store.n_files;

    resume->allocation = s->store.allocation;
    memcpy(resume->pieces.bytes, s->verified.bytes, bitfield_size(s->verified.n_bits));
    resume->pieces.n_set = s->verified.n_set;
    memcpy(resume->doubtful.bytes, s->doubtful.bytes, bitfield_size(s->doubtful.n_bits));
    resume->doubtful.n_set = s->doubtful.n_set;
    resume->checking = s->checking;
    memcpy(resume->stamps, s->stamps, n_files * sizeof *s->stamps);
    for (uint32_t file = 0; file < n_files; file++)
        resume->parts[file] = store_is_part(&s->store, file);
    if (storage_is_compact(s)) {
        size_t size = (size_t)s->store.n_pieces * sizeof *resume->slots;

        resume->slots = malloc(size + 1);
        if (!resume->slots)
            return -ENOMEM;
        memcpy(resume->slots, is_scanning(s) ? s->scan.found : s->slots.piece_in, size);
    }
    if (is_scanning(s))
        copy_scan(s, resume);
    return copy_partials(s, resume);
}

int storage_prepare_resume(struct storage *s, uint64_t uploaded, uint64_t downloaded, bool clean,
                           struct disk_job **jobp)
{
    struct job *job;

    *jobp = NULL;
    /* Before a scan of slots begins, what the last resume data says is better than what we know. */
    if (!s->resume_path || (storage_is_compact(s) && s->doubtful.n_set && !is_scanning(s)))
        return 0;
    /* The jobs of a scan only read. */
    if (storage_is_compact(s) && s->n_jobs && !is_scanning(s))
        return STORAGE_BUSY;
    job = job_new(s, DISK_RESUME);
    job->resume = resume_new(s->store.meta);
    job->unsynced = malloc((size_t)s->store.n_files + 1);
    if (!job->resume || !job->unsynced || take_snapshot(s, job->resume)) {
        job_free(job);
        return -ENOMEM;
    }
    job->resume->clean = clean || is_scanning(s) || !storage_is_compact(s);
    job->resume->uploaded = uploaded;
    job->resume->downloaded = downloaded;
    memcpy(job->unsynced, s->unsynced, s->store.n_files);
    memset(s->unsynced, 0, s->store.n_files);
    s->saving = true;
    job->on_disk = s->is_saved;
    memcpy(job->digest, s->saved, SHA1_SIZE);
    *jobp = &job->head;
    return 0;
}

static int sync_content(struct job *job)
{
    for (uint32_t file = 0; file < job->store->n_files; file++) {
        bool written = job->unsynced[file] & UNSYNCED_WRITTEN;
        int fd, r;

        if (!job->unsynced[file])
            continue;
        r = store_open_file(job->store, file, FILE_READ, &fd);
        if (r == FILE_MISSING) {
            /* Somebody took it away while we wrote to it; but a move in a compact download may
             * have found nothing to write. */
            r = written && job->store->allocation != ALLOCATION_COMPACT ? -ENOENT : 0;
        } else if (!r) {
            r = written || !io_is_old(fd, OLD_S) ? io_sync(fd) : 0;
            io_close(fd);
        }
        if (r < 0) {
            job->failed_file = file;
            return r;
        }
    }
    return storage_stat_files(job->store, job->unsynced, job->resume->stamps);
}

/* Writes the new file beside the old one; R is IO_REPLACEMENT_EMPTY when there is nothing to do. */
static int begin_save(struct job *job, struct io_replacement *r)
{
    uint8_t *bytes = NULL, digest[SHA1_SIZE];
    size_t n = 0;
    int error = sync_content(job);

    if (!error)
        error = resume_encode(job->resume, job->store->meta, &bytes, &n);
    if (error)
        return error;
    sha1(bytes, n, digest);
    if (!job->on_disk || memcmp(digest, job->digest, SHA1_SIZE)) {
        memcpy(job->digest, digest, SHA1_SIZE);
        job->on_disk = false;
        error = io_replace_begin(r, job->head.storage->resume_path, bytes, n); /* never changes */
    }
    free(bytes);
    return error;
}

void jobs_run_resume(struct disk_job *first, unsigned n_jobs)
{
    struct io_replacement files[JOBS_RESUME_MAX];
    const char *synced = NULL; /* the folder of this path is */
    struct disk_job *head = first;
    int error = 0;

    for (unsigned i = 0; i < n_jobs; i++, head = head->next) {
        files[i] = IO_REPLACEMENT_EMPTY;
        head->error = begin_save(container_of(head, struct job, head), &files[i]);
    }
    head = first;
    for (unsigned i = 0; i < n_jobs; i++, head = head->next)
        if (files[i].path)
            head->error = io_replace_end(&files[i]);
    head = first;
    for (unsigned i = 0; i < n_jobs; i++, head = head->next) {
        struct job *job = container_of(head, struct job, head);

        if (!files[i].path || head->error)
            continue;
        if (!synced || !io_is_same_folder(synced, files[i].path))
            error = io_sync_folder_of(files[i].path);
        synced = files[i].path;
        head->error = error;
        job->on_disk = !error;
    }
}
