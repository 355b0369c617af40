/* SPDX-License-Identifier: MIT */
#include "actors/fs/torrents.h"

#include <stdlib.h>

void fs_torrent_activate(struct fs *self, struct fs_torrent *t)
{
    owner_assert(&self->owner);
    if (t->active)
        return;
    t->active = true;
    t->previous_active = NULL;
    t->next_active = self->active;
    if (self->active)
        self->active->previous_active = t;
    self->active = t;
}

void fs_torrent_deactivate(struct fs *self, struct fs_torrent *t)
{
    owner_assert(&self->owner);
    if (!t->active)
        return;
    t->active = false;
    *(t->previous_active ? &t->previous_active->next_active : &self->active) = t->next_active;
    if (t->next_active)
        t->next_active->previous_active = t->previous_active;
}

void fs_torrent_free(struct fs *self, struct fs_torrent *t)
{
    fs_torrent_deactivate(self, t);
    due_heap_remove(&self->restats, &t->restat);
    list_remove(&t->place);
    storage_free(t->storage);
    free(t->parked);
    free(t);
}
