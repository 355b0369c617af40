/* SPDX-License-Identifier: MIT */
#include "actors/fs/opening.h"

#include <errno.h>

#include "actors/fs/queue.h"
#include "actors/fs/restat.h"
#include "actors/fs/torrents.h"
#include "conjure/base/alloc.h"

#define TOGETHER_MAX 8 /* torrents in one list: a slow disk delays no more than these */

static void cancel(struct fs_open_torrent *m)
{
    m->error = -ECANCELED;
    msg_reply(&m->msg);
}

void fs_opening_add(struct fs *self, struct fs_open_torrent *m)
{
    struct fs_torrent *t;

    owner_assert(&self->owner);
    if (self->stopped_opening) {
        cancel(m);
        return;
    }
    t = NEW(struct fs_torrent);
    t->torrent = m->torrent;
    t->open = m;
    list_append(&self->opening, &t->place);
    self->n_opening++;
}

static struct fs_torrent *take_first(struct fs *self)
{
    struct fs_torrent *t = container_of(list_first(&self->opening), struct fs_torrent, place);

    list_remove(&t->place);
    self->n_opening--;
    return t;
}

void fs_opening_stop(struct fs *self)
{
    owner_assert(&self->owner);
    self->stopped_opening = true;
    for (unsigned i = 0; i < self->n_workers; i++)
        for (struct disk_job *job = self->workers[i].busy ? self->workers[i].run.job : NULL; job;
             job = job->next)
            if (job->kind == DISK_OPEN)
                disk_job_cancel(job);
    while (self->n_opening) {
        struct fs_torrent *t = take_first(self);

        cancel(t->open);
        fs_torrent_free(self, t);
    }
}

/* The job of the first of those that wait; NULL when it cannot be opened. */
static struct disk_job *start_first(struct fs *self)
{
    struct fs_torrent *t = take_first(self);
    struct fs_open_torrent *m = t->open;
    struct storage_config config = {
        .meta = m->torrent->meta,
        .dir = m->torrent->dir,
        .resume_path = m->torrent->resume_path,
        .allocation = m->torrent->allocation,
        .skip_file = m->torrent->skip_file,
        .owner = t,
        .refuse_lost = m->refuse_lost,
        .trusting = m->trusting,
        .policy = m->policy,
    };
    struct disk_job *job;

    m->error = storage_new(&config, &self->pool, &self->buffers, &t->storage, m->reason);
    if (!m->error)
        m->error = storage_prepare_open(t->storage, &job);
    if (m->error) {
        fs_torrent_free(self, t);
        msg_reply(&m->msg);
        return NULL;
    }
    list_append(&self->torrents, &t->place);
    return job;
}

/* Lists, because a message to a worker costs more than the opening of some torrents. */
void fs_opening_start_some(struct fs *self)
{
    unsigned n_idle = self->n_workers - self->n_busy;
    uint32_t n = (self->n_opening + n_idle - 1) / n_idle;
    struct disk_job *first = NULL, **at = &first;

    owner_assert(&self->owner);
    for (n = n < TOGETHER_MAX ? n : TOGETHER_MAX; n; n--) {
        *at = start_first(self);
        if (*at)
            at = &(*at)->next;
    }
    if (first)
        fs_queue_give_to_worker(self, first);
}

bool fs_opening_end(struct fs *self, struct fs_torrent *t, int error)
{
    struct fs_open_torrent *m = t->open;

    owner_assert(&self->owner);
    t->open = NULL;
    if (!error)
        error = bitfield_copy(&m->have, storage_have(t->storage));
    if (!error)
        error = storage_list_stored(t->storage, &m->stored);
    m->error = error;
    if (error) {
        storage_describe_error(t->storage, error, m->reason);
        fs_torrent_free(self, t);
    } else {
        m->storage = t->storage;
        m->n_doubtful = storage_n_doubtful(t->storage);
        m->uploaded = storage_uploaded(t->storage);
        m->downloaded = storage_downloaded(t->storage);
        fs_restat_expect(self, t);
    }
    msg_reply(&m->msg);
    return !error;
}
