/* SPDX-License-Identifier: MIT */
/*
 * A restat finds out whether the files of a torrent have changed since they were verified. A daemon
 * opens a complete torrent without reading the stamps of all files (TRUST, src/fs/open.c). They are
 * compared afterwards, and then once a day, because other programs may write to the files while we
 * seed them for years. It has the lowest priority: one torrent at a time, by a checker, and for at
 * most a tenth of the time, so that a disk that needs a second for a torrent then rests for nine.
 */
#include "actors/fs/restat.h"

#include "actors/fs/check.h"
#include "actors/fs/queue.h"
#include "conjure/base/alloc.h"

#define AGAIN_NS (24 * 3600 * NS_PER_S)
#define LATER_NS (60 * NS_PER_S)  /* a write or a query is under way */
#define PAUSE_NS (20 * NS_PER_MS) /* at least */
#define SHARE    9                /* of pause for one of restat */

void fs_restat_expect(struct fs *self, struct fs_torrent *t)
{
    owner_assert(&self->owner);
    due_heap_set(&self->restats, &t->restat,
                 storage_needs_restat(t->storage) ? self->now : self->now + AGAIN_NS);
}

void fs_restat_end(struct fs *self, struct fs_torrent *t)
{
    uint64_t pause = SHARE * (self->now - self->restat_began_ns);

    owner_assert(&self->owner);
    self->restating = false;
    self->restat_after_ns = self->now + (pause > PAUSE_NS ? pause : PAUSE_NS);
    due_heap_set(&self->restats, &t->restat, self->now + AGAIN_NS);
}

static bool may_restat(const struct fs_torrent *t)
{
    return !t->check && !t->save && !t->close && !t->failure_reported;
}

uint64_t fs_restat_schedule(struct fs *self)
{
    uint64_t at = due_heap_next_ns(&self->restats);
    struct disk_job *job = NULL;
    struct fs_torrent *t;
    struct fs_worker *w;

    owner_assert(&self->owner);
    if (self->restating || at == UINT64_MAX)
        return UINT64_MAX;
    if (at < self->restat_after_ns)
        at = self->restat_after_ns;
    if (at > self->now)
        return at - self->now;
    w = fs_check_find_worker(self);
    if (!w)
        return UINT64_MAX; /* until one is idle */
    t = container_of(due_heap_pop(&self->restats), struct fs_torrent, restat);
    if (!may_restat(t) || storage_prepare_restat(t->storage, &job) || !job) {
        due_heap_set(&self->restats, &t->restat, self->now + LATER_NS);
        return 0;
    }
    self->restating = true;
    self->restat_began_ns = self->now;
    fs_queue_give(self, w, job);
    return UINT64_MAX;
}
