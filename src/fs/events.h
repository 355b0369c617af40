/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_EVENTS_H
#define CONJURE_SRC_FS_EVENTS_H

#include "conjure/fs/storage.h"

/* Events of one storage, first in first out. */
struct events {
    struct storage_event *queue; /* owned */
    size_t n, room, at;          /* `at`: the next one to be taken */
};
#define EVENTS_EMPTY ((struct events){0})

void events_deinit(struct events *e); /* safe twice */
/* NUMBER of a piece, or of a file; ADDR may be NULL. */
void events_add(struct events *e, enum storage_event_kind kind, uint32_t number,
                const struct addr *addr);
bool events_take(struct events *e, struct storage_event *eventp);

#endif
