/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "actors/fs/internal.h"

#define WRITES_MAX 8  /* in one list */
#define SAVES_MAX  16 /* the same */

void fs_activate(struct fs *self, struct opened *t)
{
    if (t->active)
        return;
    t->active = true;
    t->previous_active = NULL;
    t->next_active = self->active;
    if (self->active)
        self->active->previous_active = t;
    self->active = t;
}

void fs_deactivate(struct fs *self, struct opened *t)
{
    if (!t->active)
        return;
    t->active = false;
    *(t->previous_active ? &t->previous_active->next_active : &self->active) = t->next_active;
    if (t->next_active)
        t->next_active->previous_active = t->previous_active;
}

struct slot *fs_find_idle(struct slot *slots, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!slots[i].busy)
            return &slots[i];
    return NULL;
}

/* JOB, or the list that begins with it. */
void fs_give(struct fs *self, struct slot *slot, struct disk_job *job)
{
    slot->busy = true;
    *(slot < self->workers + self->n_workers ? &self->n_busy : &self->n_checking) += 1;
    slot->run.job = job;
    if (!fs_ask_worker_run(&self->inbox, worker_inbox(slot->worker), &slot->run))
        abort(); /* workers end after all jobs */
}

void fs_give_to_worker(struct fs *self, struct disk_job *job)
{
    struct opened *t = storage_owner(job->storage);

    t->writing |= job->kind == DISK_WRITE;
    fs_give(self, fs_find_idle(self->workers, self->n_workers), job);
}

bool fs_has_idle_worker(const struct fs *self)
{
    return self->n_busy < self->n_workers;
}

/* ONE WRITER. The kernel lets only one thread at a time write to a file, and the other spins; so a
 * torrent has one write under way, and what gathers meanwhile goes to the next worker as a list. */
static bool may_run(const struct disk_job *job)
{
    const struct opened *t = storage_owner(job->storage);

    return job->kind != DISK_WRITE || !t->writing;
}

void fs_queue_job(struct fs *self, struct disk_job *job)
{
    job->next = NULL;
    if (fs_has_idle_worker(self) && may_run(job)) {
        fs_give_to_worker(self, job);
        return;
    }
    *(self->queue_last ? &self->queue_last->next : &self->queue_first) = job;
    self->queue_last = job;
}

/* Whether JOB can be done together with FIRST, and those that follow it in a list of N. */
static bool goes_with(const struct disk_job *job, const struct disk_job *first, unsigned n)
{
    if (job->kind != first->kind)
        return false;
    if (first->kind == DISK_WRITE)
        return n < WRITES_MAX && job->storage == first->storage;
    return first->kind == DISK_SAVE && n < SAVES_MAX;
}

/* The first job that may run; a write with those of its torrent that follow it in the queue, a save with
 * other saves. */
struct disk_job *fs_unqueue_job(struct fs *self)
{
    struct disk_job *first = NULL, *last = NULL, *kept = NULL, **at = &self->queue_first, *job;
    unsigned n = 0;

    while ((job = *at) && (!first || first->kind == DISK_WRITE || first->kind == DISK_SAVE)) {
        if (first ? !goes_with(job, first, n) : !may_run(job)) {
            kept = job;
            at = &job->next;
            continue;
        }
        *at = job->next;
        if (self->queue_last == job)
            self->queue_last = kept;
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
