/* SPDX-License-Identifier: MIT */
/* The stamps of all files are compared with those of the resume data. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "fs/internal.h"

struct restat_job {
    struct job job;
    struct file_stamp *expected; /* one per file, owned */
    uint32_t changed;            /* after running: the first file that differs, or JOB_FILE_NONE */
};

static struct restat_job *restat_job_of(struct job *job)
{
    return container_of(job, struct restat_job, job);
}

bool restat_knows_stamp(const struct storage *s, uint32_t file)
{
    return s->books.verified.n_set == s->store.n_pieces && s->placement->ops->stamps_vouch &&
           !s->saving && !(s->stamps.unsynced[file] & UNSYNCED_WRITTEN);
}

int storage_prepare_restat(struct storage *s, struct disk_job **jobp)
{
    struct restat_job *x;

    owner_assert(&s->thread);
    *jobp = NULL;
    for (uint32_t file = 0; file < s->store.n_files; file++)
        if (!restat_knows_stamp(s, file))
            return 0;
    x = restat_job_of(job_new(s, &restat_kind, sizeof *x));
    x->changed = JOB_FILE_NONE;
    x->expected = malloc(((size_t)s->store.n_files + 1) * sizeof *x->expected);
    if (!x->expected) {
        job_free(&x->job);
        return -ENOMEM;
    }
    memcpy(x->expected, s->stamps.files, s->store.n_files * sizeof *x->expected);
    *jobp = &x->job.head;
    return 0;
}

static void restat_run(struct job *job, unsigned n, struct disk_scratch *scratch)
{
    struct restat_job *x = restat_job_of(job);
    struct file_stamp now;

    for (uint32_t file = 0; file < job->store->n_files; file++) {
        job->head.error = stamp_read(job->store, file, &now);
        if (job->head.error)
            job->failed_file = file;
        else if (!stamp_equal(&now, &x->expected[file]))
            x->changed = file;
        if (job->head.error || x->changed != JOB_FILE_NONE)
            return;
    }
}

static void restat_finish(struct storage *s, struct job *job)
{
    struct restat_job *x = restat_job_of(job);

    if (job->head.error)
        return;
    s->needs_restat = false;
    if (x->changed != JOB_FILE_NONE)
        events_add(&s->events, STORAGE_CHANGED, x->changed, NULL);
}

static void restat_deinit(struct job *job)
{
    free(restat_job_of(job)->expected);
}

const struct job_kind restat_kind = {
    .kind = DISK_RESTAT,
    .run = restat_run,
    .finish = restat_finish,
    .deinit = restat_deinit,
};
