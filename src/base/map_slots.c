/* SPDX-License-Identifier: MIT */
#include "conjure/base/map_slots.h"

#include <stdlib.h>

#include "conjure/base/alloc.h"

struct map_slot *map_slots_grow(struct map_slot *old, uint32_t *n_slotsp)
{
    uint32_t n_old = *n_slotsp, n_slots = n_old ? n_old * 2 : 8;
    struct map_slot *slots = mem_new_array(n_slots, sizeof *slots);

    for (uint32_t i = 0; i < n_old; i++) {
        uint32_t at = old[i].hash & (n_slots - 1);

        if (!old[i].value)
            continue;
        while (slots[at].value)
            at = (at + 1) & (n_slots - 1);
        slots[at] = old[i];
    }
    free(old);
    *n_slotsp = n_slots;
    return slots;
}

void *map_slots_remove(struct map_slot *slots, uint32_t n_slots, struct map_slot *gone)
{
    uint32_t hole = (uint32_t)(gone - slots), mask = n_slots - 1;
    void *value = gone->value;

    /* Moves a value that a search could not reach any more, because of the hole, into it. */
    for (uint32_t i = (hole + 1) & mask; slots[i].value; i = (i + 1) & mask) {
        uint32_t first = slots[i].hash & mask;

        if (((i - first) & mask) >= ((i - hole) & mask)) {
            slots[hole] = slots[i];
            hole = i;
        }
    }
    slots[hole] = (struct map_slot){0};
    return value;
}
