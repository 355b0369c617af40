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
    bool *known;                 /* one per file, owned: it is compared */
    uint32_t changed;            /* after running: the first file that differs, or JOB_FILE_NONE */
};

static struct restat_job *restat_job_of(struct job *job)
{
    return container_of(job, struct restat_job, job);
}

bool restat_knows_stamp(const struct storage *s, uint32_t file)
{
    return !s->n_writes && !s->saving && !(s->stamps.unsynced[file] & UNSYNCED_WRITTEN);
}

/* A complete torrent is not written to, so that its resume data keeps the old stamp. Otherwise the
 * next write would bring the new stamp into resume data, as that of what we wrote. */
void restat_report_change(struct storage *s, uint32_t file)
{
    if (s->books.verified.n_set < s->store.n_pieces)
        s->stamps.unsynced[file] |= UNSYNCED_FAILED;
    events_add(&s->events, STORAGE_CHANGED, file, NULL);
}

int storage_prepare_restat(struct storage *s, struct disk_job **jobp)
{
    struct restat_job *x;
    uint32_t first = 0;

    owner_assert(&s->thread);
    *jobp = NULL;
    while (first < s->store.n_files && !restat_knows_stamp(s, first))
        first++;
    if (first == s->store.n_files)
        return 0;
    x = restat_job_of(job_new(s, &restat_kind, sizeof *x));
    x->changed = JOB_FILE_NONE;
    x->expected = malloc(((size_t)s->store.n_files + 1) * sizeof *x->expected);
    x->known = calloc((size_t)s->store.n_files + 1, sizeof *x->known);
    if (!x->expected || !x->known) {
        job_free(&x->job);
        return -ENOMEM;
    }
    memcpy(x->expected, s->stamps.files, s->store.n_files * sizeof *x->expected);
    for (uint32_t file = first; file < s->store.n_files; file++)
        x->known[file] = restat_knows_stamp(s, file);
    *jobp = &x->job.head;
    return 0;
}

static void restat_run(struct job *job, unsigned n, struct disk_scratch *scratch)
{
    struct restat_job *x = restat_job_of(job);
    struct file_stamp now;

    for (uint32_t file = 0; file < job->store->n_files; file++) {
        if (job_is_cancelled(job)) {
            job->head.error = -ECANCELED;
            return;
        }
        if (!x->known[file])
            continue;
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
    /* We may have written to it meanwhile. */
    if (x->changed != JOB_FILE_NONE && restat_knows_stamp(s, x->changed) &&
        stamp_equal(&x->expected[x->changed], &s->stamps.files[x->changed]))
        restat_report_change(s, x->changed);
}

static void restat_deinit(struct job *job)
{
    free(restat_job_of(job)->expected);
    free(restat_job_of(job)->known);
}

const struct job_kind restat_kind = {
    .kind = DISK_RESTAT,
    .run = restat_run,
    .finish = restat_finish,
    .deinit = restat_deinit,
};
