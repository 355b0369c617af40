/* SPDX-License-Identifier: MIT */
/*
 * The files that are made before the first block arrives: links, those of length 0, and with full
 * allocation the room of the others. The open job makes them, unless it has found files that may be
 * foreign: then nothing is made before a check has shown whose they are, and the make job does it.
 */
#include "fs/make.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "conjure/base/alloc.h"
#include "conjure/fs/io.h"
#include "fs/internal.h"

struct make_job {
    struct job job;
    uint32_t n_missing;   /* pieces */
    struct stamps stamps; /* the storage's */
};

static struct make_job *make_job_of(struct job *job)
{
    return container_of(job, struct make_job, job);
}

/* --- run ------------------------------------------------------------------------------------- */

static int make_file(struct job *job, uint32_t file, uint64_t length)
{
    int fd, r = store_open_file(job->store, file, FILE_WRITE, &fd);

    if (!r) {
        r = io_reserve(fd, length);
        io_close(fd);
    }
    if (r)
        job->failed_file = file;
    return r;
}

/* Whatever is there already stays. Where the file system has no links it is an empty file. */
static int make_link(struct job *job, uint32_t file, const char *target)
{
    int r = io_link_below(job->store->dir_fd, metainfo_file(job->store->meta, file)->path, target);

    if (r == -EEXIST)
        return 0;
    if (r == -EPERM || r == -EOPNOTSUPP || r == -ENOSYS)
        return make_file(job, file, 0);
    if (r)
        job->failed_file = file;
    return r;
}

/* Whether the disk has room for all of FILE (full). */
static bool is_reserved(const struct store *store, uint32_t file, const struct file_stamp *stamp)
{
    uint64_t length = metainfo_file(store->meta, file)->length;
    char buffer[STORE_PATH_MAX];
    struct stat st;

    return stamp->size >= length &&
           !fstatat(store->dir_fd, store_path(store, file, buffer), &st, AT_SYMLINK_NOFOLLOW) &&
           (uint64_t)st.st_blocks * 512 >= length;
}

int make_files(struct job *job, uint32_t n_missing, struct file_stamp *stamps)
{
    const struct store *store = job->store;
    bool made = false;

    for (uint32_t file = 0; file < store->n_files; file++) {
        const struct metainfo_file *f = metainfo_file(store->meta, file);
        const struct file_stamp *stamp = &stamps[file];
        int r = 0;

        if (store_is_part(store, file))
            continue;
        if (f->link) {
            r = make_link(job, file, f->link);
            if (r)
                return r;
            continue;
        }
        if (f->length ? store->allocation != ALLOCATION_FULL || !n_missing ||
                            is_reserved(store, file, stamp)
                      : stamp->exists)
            continue;
        made = true;
        r = make_file(job, file, f->length);
        if (r)
            return r;
    }
    return made ? stamps_read_all(store, stamps, &job->cancelled) : 0;
}

static void make_run(struct job *job, unsigned n, struct disk_scratch *scratch)
{
    struct make_job *x = make_job_of(job);

    job->head.error = make_files(job, x->n_missing, x->stamps.files);
}

/* --- prepare and finish ---------------------------------------------------------------------- */

int storage_prepare_make(struct storage *s, struct disk_job **jobp)
{
    struct make_job *x;

    owner_assert(&s->thread);
    *jobp = NULL;
    if (!s->unmade)
        return 0;
    if (s->n_jobs)
        return STORAGE_BUSY;
    assert(!s->books.doubtful.n_set);
    if (ownership_judge(&s->ownership, s->placement, &s->books, s->stamps.files, &s->failed_file))
        return s->ownership.strict ? -EREMCHG : -EEXIST;
    if (s->policy.seed_only) {
        s->unmade = false;
        return 0;
    }
    if (s->resume_path && s->ownership.unrecorded && s->books.have.n_set < s->store.n_pieces)
        return STORAGE_UNSAVED;
    x = make_job_of(job_new(s, &make_kind, sizeof *x));
    x->n_missing = s->store.n_pieces - s->books.have.n_set;
    x->stamps = s->stamps;
    s->stamps = STAMPS_EMPTY;
    *jobp = &x->job.head;
    return 0;
}

static void make_finish(struct storage *s, struct job *job)
{
    s->stamps = make_job_of(job)->stamps;
    s->unmade = job->head.error != 0;
}

const struct job_kind make_kind = {
    .kind = DISK_MAKE,
    .run = make_run,
    .finish = make_finish,
};
