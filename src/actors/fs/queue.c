/* SPDX-License-Identifier: MIT */
#include "actors/fs/queue.h"

#include <stdlib.h>

#define WRITES_MAX 8  /* in one list */
#define SAVES_MAX  16 /* in one list */

struct fs_worker *fs_queue_find_idle(struct fs_worker *workers, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!workers[i].busy)
            return &workers[i];
    return NULL;
}

void fs_queue_give(struct fs *self, struct fs_worker *w, struct disk_job *job)
{
    owner_assert(&self->owner);
    w->busy = true;
    *(w < self->workers + self->n_workers ? &self->n_busy : &self->n_checking) += 1;
    w->run.job = job;
    if (!fs_ask_worker_run(&self->inbox, worker_inbox(w->worker), &w->run))
        abort(); /* workers end after all jobs */
}

void fs_queue_give_to_worker(struct fs *self, struct disk_job *job)
{
    struct fs_torrent *t = storage_owner(job->storage);

    owner_assert(&self->owner);
    t->writing |= job->kind == DISK_WRITE;
    fs_queue_give(self, fs_queue_find_idle(self->workers, self->n_workers), job);
}

bool fs_queue_has_idle(const struct fs *self)
{
    return self->n_busy < self->n_workers;
}

/* ONE WRITER. The kernel lets only one thread at a time write to a file, and a second one spins. So
 * a torrent has one write under way, and those that gather meanwhile are given to the next worker
 * as a list. */
static bool may_run(const struct disk_job *job)
{
    const struct fs_torrent *t = storage_owner(job->storage);

    return job->kind != DISK_WRITE || !t->writing;
}

void fs_queue_add(struct fs *self, struct disk_job *job)
{
    owner_assert(&self->owner);
    job->next = NULL;
    if (fs_queue_has_idle(self) && may_run(job)) {
        fs_queue_give_to_worker(self, job);
        return;
    }
    *(self->queue_last ? &self->queue_last->next : &self->queue_first) = job;
    self->queue_last = job;
}

/* Whether JOB can be appended to a list of N jobs that begins with FIRST. */
static bool can_follow(const struct disk_job *job, const struct disk_job *first, unsigned n)
{
    if (job->kind != first->kind)
        return false;
    if (first->kind == DISK_WRITE)
        return n < WRITES_MAX && job->storage == first->storage;
    return first->kind == DISK_SAVE && n < SAVES_MAX;
}

/* A write takes along those of its torrent that follow it in the queue, a save other saves. */
struct disk_job *fs_queue_take(struct fs *self)
{
    struct disk_job *first = NULL, *last = NULL, *previous = NULL, **at = &self->queue_first, *job;
    unsigned n = 0;

    owner_assert(&self->owner);
    while ((job = *at) && (!first || first->kind == DISK_WRITE || first->kind == DISK_SAVE)) {
        if (first ? !can_follow(job, first, n) : !may_run(job)) {
            previous = job;
            at = &job->next;
            continue;
        }
        *at = job->next;
        if (self->queue_last == job)
            self->queue_last = previous;
        job->next = NULL;
        if (last)
            last->next = job;
        else
            first = job;
        last = job;
        n++;
    }
    return first;
}
