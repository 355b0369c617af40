/* SPDX-License-Identifier: MIT */
/*
 * Checks have workers of their own, the checkers, which give way to all other threads and are
 * started with the first check. So no job that a peer waits for is queued behind a batch of a
 * check. While peers are served, or send, only one checker works. A batch takes pieces of several
 * torrents where one has too few; the torrent with the least left is served first, so that one long
 * check does not delay short ones.
 */
#include "actors/fs/check.h"

#include <errno.h>

#include "actors/fs/queue.h"
#include "actors/fs/report.h"
#include "actors/fs/torrents.h"
#include "conjure/base/sha1.h"

#define BUSY_NS NS_PER_S /* after the last blocks: more are expected */

void fs_check_begin(struct fs *self, struct fs_check_pieces *m)
{
    struct fs_torrent *t = storage_owner(m->storage);

    owner_assert(&self->owner);
    t->check = m;
    t->check_error =
        storage_begin_check(t->storage, m->all ? CHECK_ALL : CHECK_DOUBTFUL, &t->n_to_check);
    t->progress_ns = t->check_saved_ns = self->now;
    fs_torrent_activate(self, t);
}

struct fs_worker *fs_check_find_worker(struct fs *self)
{
    bool busy = self->n_leased || (self->stored_ns && self->now - self->stored_ns < BUSY_NS);
    struct fs_worker *idle, *checkers = self->workers + self->n_workers;

    owner_assert(&self->owner);
    if (self->n_checking >= (busy ? 1 : self->n_workers))
        return NULL;
    idle = fs_queue_find_idle(checkers, self->n_checkers);
    if (idle || self->n_checkers == self->n_workers)
        return idle;
    idle = &checkers[self->n_checkers];
    idle->worker = worker_start(self->n_checkers + 1, WORKER_CHECKER);
    if (idle->worker)
        self->n_checkers++;
    else if (!self->n_checkers)
        return fs_queue_find_idle(
            self->workers, self->n_workers); /* no checker can be started: a disk worker checks */
    return idle->worker ? idle : NULL;
}

static bool may_check(struct fs_torrent *t)
{
    return t->check && !t->close && !t->check_error && storage_next_check_size(t->storage);
}

/* The torrent with the least left to check; or NULL. */
static struct fs_torrent *choose_check(struct fs *self)
{
    struct fs_torrent *best = NULL;

    for (struct fs_torrent *t = self->active; t; t = t->next_active)
        if (may_check(t) &&
            (!best || storage_n_doubtful(t->storage) < storage_n_doubtful(best->storage)))
            best = t;
    return best;
}

/* Pieces of T, at most MAX; NULL when there are none. */
static struct disk_job *prepare_check(struct fs_torrent *t, unsigned max)
{
    struct disk_job *job;

    t->check_error = storage_prepare_check(t->storage, max, &job);
    return t->check_error ? NULL : job;
}

/* A batch that fills all lanes, if there is enough to check. */
static struct disk_job *gather_check(struct fs *self)
{
    struct fs_torrent *t = choose_check(self);
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

void fs_check_schedule(struct fs *self)
{
    struct fs_worker *w;
    struct disk_job *job;

    owner_assert(&self->owner);
    while (choose_check(self) && (w = fs_check_find_worker(self)) && (job = gather_check(self)))
        fs_queue_give(self, w, job);
}

void fs_check_cancel(struct fs *self, const struct fs_torrent *t)
{
    owner_assert(&self->owner);
    for (unsigned i = 0; i < self->n_workers + self->n_checkers; i++)
        for (struct disk_job *job = self->workers[i].busy ? self->workers[i].run.job : NULL; job;
             job = job->next)
            if (job->storage == t->storage && (job->kind == DISK_CHECK || job->kind == DISK_RESTAT))
                disk_job_cancel(job);
}

/* All pieces are checked: it is known now whose the files on disk are. Returns whether nothing is
 * left to be done before the first write, or an error ends the check. */
static bool has_settled(struct fs *self, struct fs_torrent *t)
{
    struct disk_job *job;
    int r = storage_prepare_make(t->storage, &job);

    if (r == STORAGE_UNSAVED) {
        if (!t->saving)
            fs_check_start_save(self, t);
        if (t->saving)
            return false;
        r = -ENOMEM;
    }
    if (r) {
        t->check_error = r;
        fs_report_failure(self, t, r);
        return true;
    }
    if (job)
        fs_queue_add(self, job);
    return !job;
}

void fs_check_end_if_done(struct fs *self, struct fs_torrent *t)
{
    struct fs_check_pieces *m = t->check;

    if (!m || storage_is_busy(t->storage) ||
        (!t->close && !t->check_error && storage_n_doubtful(t->storage)))
        return;
    if (!t->close && !t->check_error && !has_settled(self, t))
        return;
    t->check = NULL;
    m->n_bad = storage_n_bad(t->storage);
    m->error = bitfield_copy(&m->have, storage_have(t->storage));
    if (!m->error)
        m->error = storage_list_stored(t->storage, &m->stored);
    if (t->check_error)
        m->error = t->check_error;
    t->check_error = 0;
    msg_reply(&m->msg);
}

bool fs_check_save_is_due(const struct fs *self, const struct fs_torrent *t)
{
    return t->check && !t->close && !t->saving &&
           self->now - t->check_saved_ns >= t->check->save_ns;
}

/* A check may take hours: pieces that it has hashed are not to be hashed again. */
void fs_check_start_save(struct fs *self, struct fs_torrent *t)
{
    struct disk_job *job;
    int r;

    owner_assert(&self->owner);
    t->check_saved_ns = self->now;
    r = storage_prepare_save(t->storage, storage_uploaded(t->storage),
                             storage_downloaded(t->storage), SAVE_RUNNING, &job);
    if (r || !job)
        return;
    t->saving = SAVING_CHECK;
    fs_queue_add(self, job);
}
