/* SPDX-License-Identifier: MIT */
/*
 * Finds out which pieces are on disk already: those of the resume data, as far as the stamps of the
 * files vouch for them.
 *
 * TRUST. A daemon has thousands of torrents, and their files' inodes may lie anywhere on a disk
 * that has just been mounted. So when resume data claims a whole torrent, the stamp of only one
 * file is compared before it is opened: that of the witness, which shows that the disk is mounted.
 * The stamps of its other files are compared soon afterwards, one torrent after another (restat.c).
 * If one of them has changed, the torrent is opened again, and then all stamps are read first.
 *
 * LAYOUT. Compact allocation has pieces in foreign slots until the download is complete. So an
 * unfinished torrent keeps the allocation that it began with, whatever is asked for now.
 *
 * The job owns the books, the placement, the stamps and the ownership of the storage while it runs,
 * and no other job reads the store.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conjure/base/alloc.h"
#include "conjure/base/log.h"
#include "conjure/fs/io.h"
#include "fs/bits.h"
#include "fs/internal.h"
#include "fs/make.h"
#include "fs/resume.h"

struct open_job {
    struct job job;
    const char *resume_path; /* the storage's, constant; or NULL */
    bool refuse_lost, trusting;
    struct store *store; /* the storage's, like job.store: its allocation may change */
    struct books books;
    struct placement *placement;
    struct stamps stamps;
    struct ownership ownership;
    struct write_policy policy;
    /* After running. */
    struct saved saved;
    uint64_t uploaded, downloaded;
    uint32_t shared_file;
    bool checking_all, needs_restat, unmade;
};

static struct open_job *open_job_of(struct job *job)
{
    return container_of(job, struct open_job, job);
}

/* --- prepare --------------------------------------------------------------------------------- */

int storage_prepare_open(struct storage *s, struct disk_job **jobp)
{
    struct open_job *x;

    owner_assert(&s->thread);
    x = open_job_of(job_new(s, &open_kind, sizeof *x));
    x->resume_path = s->resume_path;
    x->refuse_lost = s->refuse_lost;
    x->trusting = s->trusting;
    x->store = &s->store;
    x->books = s->books;
    x->placement = s->placement;
    x->stamps = s->stamps;
    x->ownership = s->ownership;
    x->policy = s->policy;
    x->shared_file = STAMPS_NONE;
    s->books = BOOKS_EMPTY;
    s->placement = NULL;
    s->stamps = STAMPS_EMPTY;
    s->ownership = OWNERSHIP_EMPTY;
    *jobp = &x->job.head;
    return 0;
}

/* --- run: resume data ------------------------------------------------------------------------ */

static void set_aside(const char *path)
{
    size_t size = strlen(path) + sizeof ".corrupt";
    char *aside = malloc(size);

    if (!aside)
        return;
    snprintf(aside, size, "%s.corrupt", path);
    log_warning("fs", "%s: no resume data of this torrent; set aside as %s", path, aside);
    rename(path, aside);
    free(aside);
}

/* Only what cannot be decoded is set aside. Any other error, as of a disk or of descriptors that
 * ran out, may be over at the next try. */
static int load_resume(struct open_job *x, struct resume **resumep)
{
    uint8_t *bytes;
    size_t n;
    int r;

    *resumep = NULL;
    if (!x->resume_path)
        return 0;
    r = io_read_file(x->resume_path, RESUME_FILE_MAX, &bytes, &n);
    if (r == -ENOENT)
        return 0;
    if (r == 0) {
        r = resume_decode(bytes, n, x->job.store->meta, resumep);
        x->saved.exists = !r;
        sha1(bytes, n, x->saved.digest);
        free(bytes);
    }
    if (r == RESUME_CORRUPT || r == -EFBIG)
        set_aside(x->resume_path);
    else if (r)
        x->job.failed_file = JOB_FILE_RESUME;
    return r < 0 && r != -EFBIG ? r : 0;
}

/* See LAYOUT. */
static int keep_layout(struct open_job *x, const struct resume *resume)
{
    bool compact = resume->allocation == ALLOCATION_COMPACT;
    struct placement *placement;

    if (compact == store_files_grow(x->store))
        return 0;
    if (compact && resume->pieces.n_set == x->store->n_pieces)
        return 0; /* each piece has reached its own slot */
    x->store->allocation = resume->allocation;
    placement = placement_new(x->store);
    if (!placement)
        return -ENOMEM;
    placement_free(x->placement);
    x->placement = placement;
    log_notice("fs", "%s: the files are %s and stay so until the download is complete",
               metainfo_name(x->store->meta), compact ? "compact" : "not compact");
    return 0;
}

/* Books blocks of pieces that are not verified. They are believed even after a crash, because the
 * piece is hashed later. A piece that has all its blocks is left to the check. */
static int take_partials(struct open_job *x, const struct resume *resume)
{
    for (uint32_t i = 0; i < resume->n_partials; i++) {
        const struct resume_partial *from = &resume->partials[i];
        struct partial *p;

        if (bitfield_test(&x->books.verified, from->piece) ||
            placement_slot_of(x->placement, from->piece) == SLOT_NONE)
            continue;
        p = books_add_partial(&x->books, from->piece);
        if (!p)
            return -ENOMEM;
        for (uint32_t block = 0; block < p->n_blocks; block++)
            if (bit_test(from->blocks, block))
                partial_add_block(p, block);
        partial_add_padding(p, x->job.store->meta, NULL);
        if (p->n_stored == p->n_blocks)
            books_drop_partial(&x->books, from->piece);
    }
    return 0;
}

/* --- run: files ------------------------------------------------------------------------------ */

/* Files that are wanted now, and had part files. The stamp of a part file in RESUME is that of the
 * file then. */
static int place_parts(struct open_job *x, struct resume *resume)
{
    const struct store *store = x->job.store;

    if (!store_has_parts(store) || x->policy.seed_only)
        return 0;
    for (uint32_t file = 0; file < store->n_files; file++) {
        int r = store_is_part(store, file) ? 0 : store_place_part(store, file);

        if (r < 0) {
            x->job.failed_file = file;
            return r;
        }
        if (r == PART_PLACED && resume)
            resume->parts[file] = false;
    }
    store_remove_parts(store);
    return 0;
}

/* See TRUST: whether the torrent was complete, and the witness has not changed. */
static bool may_be_trusted(const struct open_job *x, const struct resume *resume)
{
    const struct store *store = x->job.store;
    uint32_t witness = JOB_FILE_NONE;
    struct file_stamp now;

    if (!x->trusting || !resume || !x->placement->ops->stamps_vouch || resume->doubtful.n_set ||
        resume->pieces.n_set != store->n_pieces)
        return false;
    for (uint32_t file = 0; file < store->n_files; file++) {
        if (resume->parts[file] != store_is_part(store, file) || resume->foreign[file])
            return false;
        if (witness == JOB_FILE_NONE && resume->stamps[file].exists && resume->stamps[file].size)
            witness = file;
    }
    return witness != JOB_FILE_NONE && !stamp_read(store, witness, &now) &&
           stamp_equal(&now, &resume->stamps[witness]);
}

static int find_stamps(struct open_job *x, const struct resume *resume)
{
    x->needs_restat = may_be_trusted(x, resume);
    if (!x->needs_restat)
        return stamps_read_all(x->job.store, x->stamps.files, &x->job.cancelled);
    memcpy(x->stamps.files, resume->stamps, x->job.store->n_files * sizeof *x->stamps.files);
    return 0;
}

/* When none of the files of RESUME exists any more, the first of them; else JOB_FILE_NONE. */
static uint32_t find_lost_file(const struct open_job *x, const struct resume *resume)
{
    uint32_t lost = JOB_FILE_NONE;

    for (uint32_t file = 0; file < x->job.store->n_files; file++) {
        if (!resume->stamps[file].exists || !resume->stamps[file].size)
            continue;
        if (x->stamps.files[file].exists)
            return JOB_FILE_NONE;
        if (lost == JOB_FILE_NONE)
            lost = file;
    }
    return resume->pieces.n_set ? lost : JOB_FILE_NONE;
}

/* --- run: whose the files are ---------------------------------------------------------------- */

/* The resume data that is written before the first byte of content: all files are ours. It claims
 * no more than the last one did. */
static int write_first_resume(struct open_job *x, struct resume *r)
{
    const struct store *store = x->job.store;
    uint8_t *bytes;
    size_t n;
    int error;

    for (uint32_t file = 0; file < store->n_files; file++) {
        bool part = store_is_part(store, file);

        if (r->parts[file] != part)
            r->stamps[file] = (struct file_stamp){0};
        r->parts[file] = part;
        r->foreign[file] = false;
    }
    memcpy(r->doubtful.bytes, x->books.doubtful.bytes, bitfield_size(store->n_pieces));
    r->doubtful.n_set = x->books.doubtful.n_set;
    error = resume_encode(r, store->meta, &bytes, &n);
    if (error)
        return error;
    error = io_replace_file(x->resume_path, bytes, n);
    x->saved.exists = !error;
    sha1(bytes, n, x->saved.digest);
    free(bytes);
    return error;
}

/* A failure costs the user a question after a crash, at most. */
static void record_ownership(struct open_job *x, struct resume *resume)
{
    const struct store *store = x->job.store;
    struct resume *r = resume;
    int error = -ENOMEM;

    if (!x->resume_path || !x->ownership.unrecorded || x->books.have.n_set == store->n_pieces)
        return;
    if (!r) {
        r = resume_new(store->meta);
        if (r)
            r->allocation = store->allocation;
    }
    if (r)
        error = write_first_resume(x, r);
    if (error)
        log_warning("fs", "%s: %s", x->resume_path, strerror(-error));
    x->ownership.unrecorded = false;
    if (!resume)
        resume_free(r);
}

/* Nothing is made or written while a file may be foreign. */
static int settle_ownership(struct open_job *x, struct resume *resume)
{
    enum ownership_verdict verdict;

    ownership_begin(&x->ownership, x->job.store, resume, x->stamps.files, &x->policy);
    verdict = ownership_judge(&x->ownership, x->placement, &x->books, x->stamps.files,
                              &x->job.failed_file);
    if (verdict == OWNERSHIP_FOREIGN)
        return x->ownership.strict ? -EREMCHG : -EEXIST;
    x->unmade = verdict == OWNERSHIP_OPEN;
    if (x->unmade || x->policy.seed_only)
        return 0;
    record_ownership(x, resume);
    /* A complete torrent whose stamps are those of the resume data has all that it needs. */
    return x->needs_restat
               ? 0
               : make_files(&x->job, x->job.store->n_pieces - x->books.have.n_set, x->stamps.files);
}

static void open_run(struct job *job, unsigned n, struct disk_scratch *scratch)
{
    struct open_job *x = open_job_of(job);
    struct resume *resume = NULL;
    int r = load_resume(x, &resume);

    if (!r)
        r = place_parts(x, resume);
    if (!r && resume)
        r = keep_layout(x, resume);
    if (!r)
        r = find_stamps(x, resume);
    if (!r && x->refuse_lost && resume) {
        job->failed_file = find_lost_file(x, resume);
        r = job->failed_file == JOB_FILE_NONE ? 0 : -ENOENT;
    }
    if (!r)
        r = x->placement->ops->adopt(x->placement, &x->books, resume, x->stamps.files);
    if (!r && resume)
        r = take_partials(x, resume);
    if (!r && resume) {
        x->uploaded = resume->uploaded;
        x->downloaded = resume->downloaded;
        x->checking_all = resume->checking && x->books.doubtful.n_set;
    }
    if (!r)
        r = settle_ownership(x, resume);
    if (!r && !x->needs_restat)
        r = stamps_find_shared(job->store, x->stamps.files, &x->shared_file);
    resume_free(resume);
    job->head.error = r;
}

/* --- finish ---------------------------------------------------------------------------------- */

/* After an error too: storage_free frees them. */
static void open_finish(struct storage *s, struct job *job)
{
    struct open_job *x = open_job_of(job);

    s->books = x->books;
    s->placement = x->placement;
    s->stamps = x->stamps;
    s->ownership = x->ownership;
    s->unmade = x->unmade;
    s->saved = x->saved;
    s->uploaded = x->uploaded;
    s->downloaded = x->downloaded;
    s->checking_all = x->checking_all;
    s->needs_restat = x->needs_restat;
    s->shared_file = x->shared_file;
}

const struct job_kind open_kind = {
    .kind = DISK_OPEN,
    .run = open_run,
    .finish = open_finish,
};
