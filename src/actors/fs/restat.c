/* SPDX-License-Identifier: MIT */
/*
 * Whether the files of a torrent are still those that were verified. A daemon opens what was complete on
 * the word of the resume data (TRUST, src/fs/open.c); here its files are looked at afterwards, and
 * then once a day, for whoever writes to them while we seed them for years. It is nobody's first concern: one
 * torrent at a time, by a worker that gives way, and never for more than a tenth of the time, so
 * that a disk that needs a second for a torrent has nine to itself.
 */
#include "actors/fs/internal.h"
#include "conjure/base/alloc.h"

#define LOOK_AGAIN_NS (24 * 3600 * NS_PER_S)
#define LOOK_LATER_NS (60 * NS_PER_S)  /* it is not complete, or something else is under way */
#define LOOK_PAUSE_NS (20 * NS_PER_MS) /* at least */
#define LOOK_SHARE    9                /* of pause for each of looking */

void fs_expect_look(struct fs *self, struct opened *t)
{
    due_heap_set(&self->looks, &t->look,
                 storage_needs_restat(t->storage) ? self->now : self->now + LOOK_AGAIN_NS);
}

void fs_look_ended(struct fs *self, struct opened *t)
{
    uint64_t pause = LOOK_SHARE * (self->now - self->look_began_ns);

    self->looking = false;
    self->look_after_ns = self->now + (pause > LOOK_PAUSE_NS ? pause : LOOK_PAUSE_NS);
    due_heap_set(&self->looks, &t->look, self->now + LOOK_AGAIN_NS);
}

static bool may_look(const struct opened *t)
{
    return !t->check && !t->save && !t->close && !t->told_failure;
}

uint64_t fs_start_look(struct fs *self)
{
    uint64_t at = due_heap_next_ns(&self->looks);
    struct disk_job *job = NULL;
    struct opened *t;
    struct slot *slot;

    if (self->looking || at == UINT64_MAX)
        return UINT64_MAX;
    if (at < self->look_after_ns)
        at = self->look_after_ns;
    if (at > self->now)
        return at - self->now;
    slot = fs_find_checker(self);
    if (!slot)
        return UINT64_MAX; /* until one comes back */
    t = container_of(due_heap_pop(&self->looks), struct opened, look);
    if (!may_look(t) || storage_prepare_restat(t->storage, &job) || !job) {
        due_heap_set(&self->looks, &t->look, self->now + LOOK_LATER_NS);
        return 0;
    }
    self->looking = true;
    self->look_began_ns = self->now;
    fs_give(self, slot, job);
    return UINT64_MAX;
}
