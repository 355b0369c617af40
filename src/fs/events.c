/* SPDX-License-Identifier: MIT */
#include "fs/events.h"

#include <stdlib.h>

#include "conjure/base/alloc.h"

void events_deinit(struct events *e)
{
    free(e->queue);
    *e = EVENTS_EMPTY;
}

void events_add(struct events *e, enum storage_event_kind kind, uint32_t number,
                const struct addr *addr)
{
    if (array_reserve(&e->queue, &e->room, e->n + 1, sizeof *e->queue))
        abort(); /* 40 bytes each, a few for each job: as mem_new */
    e->queue[e->n] = (struct storage_event){.kind = kind, .piece = number};
    if (addr)
        e->queue[e->n].addr = *addr;
    e->n++;
}

bool events_take(struct events *e, struct storage_event *eventp)
{
    if (e->at == e->n) {
        e->at = e->n = 0;
        return false;
    }
    *eventp = e->queue[e->at++];
    return true;
}
