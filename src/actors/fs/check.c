/* SPDX-License-Identifier: MIT */
/*
 * Checks have workers of their own, which give way to all other threads and are started when the first
 * check is. So nothing that a peer waits for stands behind a batch that nobody waits for. While peers are
 * served, or send, only one of them works. A batch takes pieces of several torrents where one has too
 * few; the torrent that has least left goes first, so that one long check does not hold up short ones.
 */
#include <string.h>

#include "actors/fs/internal.h"
#include "conjure/base/log.h"
#include "conjure/base/sha1.h"

#define PROGRESS_EVERY (250 * NS_PER_MS) /* CheckProgress */
#define CHECK_SAVE_NS  (60 * NS_PER_S)   /* resume data, during a check */
#define BUSY_NS        NS_PER_S          /* so long after blocks came, more are expected */

struct slot *fs_find_checker(struct fs *self)
{
    bool busy = self->n_leased || (self->stored_ns && self->now - self->stored_ns < BUSY_NS);
    struct slot *idle, *checkers = self->workers + self->n_workers;

    if (self->n_checking >= (busy ? 1 : self->n_workers))
        return NULL;
    idle = fs_find_idle(checkers, self->n_checkers);
    if (idle || self->n_checkers == self->n_workers)
        return idle;
    idle = &checkers[self->n_checkers];
    idle->worker = worker_start(self->n_checkers + 1, true);
    if (idle->worker)
        self->n_checkers++;
    else if (!self->n_checkers)
        return fs_find_idle(self->workers, self->n_workers); /* better impolite than never */
    return idle->worker ? idle : NULL;
}

static bool may_check(struct opened *t)
{
    return t->check && !t->close && !t->check_error && storage_next_check_size(t->storage);
}

/* The torrent that has least left to check. */
static struct opened *choose_check(struct fs *self)
{
    struct opened *best = NULL;

    for (struct opened *t = self->active; t; t = t->next_active)
        if (may_check(t) &&
            (!best || storage_n_doubtful(t->storage) < storage_n_doubtful(best->storage)))
            best = t;
    return best;
}

/* Pieces of T, at most MAX; NULL when there are none. */
static struct disk_job *prepare_check(struct opened *t, unsigned max)
{
    struct disk_job *job;

    t->check_error = storage_prepare_check(t->storage, max, &job);
    return t->check_error ? NULL : job;
}

/* A batch that fills all lanes, if there is enough to check. */
static struct disk_job *gather_check(struct fs *self)
{
    struct opened *t = choose_check(self);
    uint32_t size = t ? storage_next_check_size(t->storage) : 0;
    struct disk_job *first = t ? prepare_check(t, sha1_lanes()) : NULL, *last = first;
    unsigned n = first ? disk_job_n_pieces(first) : 0;

    for (t = self->active; first && t && n < sha1_lanes(); t = t->next_active) {
        struct disk_job *job = NULL;

        if (may_check(t) && storage_next_check_size(t->storage) == size)
            job = prepare_check(t, sha1_lanes() - n);
        if (!job)
            continue;
        n += disk_job_n_pieces(job);
        last = last->next = job;
    }
    return first;
}

void fs_start_checks(struct fs *self)
{
    struct slot *slot;
    struct disk_job *job;

    while (choose_check(self) && (slot = fs_find_checker(self)) && (job = gather_check(self)))
        fs_give(self, slot, job);
}

void fs_cancel_check(struct fs *self, const struct opened *t)
{
    for (unsigned i = 0; i < self->n_workers + self->n_checkers; i++)
        for (struct disk_job *job = self->workers[i].busy ? self->workers[i].run.job : NULL; job;
             job = job->next)
            if (job->storage == t->storage && job->kind == DISK_CHECK)
                disk_job_cancel(job);
}

void fs_report_check(struct fs *self, struct opened *t)
{
    struct master_check_progress *m;

    if (!t->check || self->now - t->progress_ns < PROGRESS_EVERY)
        return;
    t->progress_ns = self->now;
    m = master_new_check_progress();
    m->torrent = t->torrent;
    m->n_checked = storage_n_checked(t->storage);
    m->n_to_check = t->n_to_check;
    master_tell_or_drop_check_progress(self->master, m);
}

bool fs_is_check_save_due(const struct fs *self, const struct opened *t)
{
    return t->check && !t->close && !t->saving && self->now - t->check_saved_ns >= CHECK_SAVE_NS;
}

/* A check may take hours: what it has seen is not to be seen again. */
void fs_start_check_save(struct fs *self, struct opened *t)
{
    struct disk_job *job;
    int r;

    t->check_saved_ns = self->now;
    r = storage_prepare_save(t->storage, storage_uploaded(t->storage),
                             storage_downloaded(t->storage), SAVE_RUNNING, &job);
    if (r || !job)
        return;
    t->saving = SAVING_CHECK;
    fs_queue_job(self, job);
}
