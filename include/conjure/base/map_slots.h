/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_MAP_SLOTS_H
#define CONJURE_BASE_MAP_SLOTS_H

#include <stdint.h>

/*
 * The slots under id_map and key_map, which is all that the two have in common: a value lies in the
 * slot that its hash wishes for, hash & (n_slots - 1), or in the first free one behind, round the end.
 * There are no tombstones, so a search may end at the first free slot. The maps search for themselves,
 * since only they know what equal keys are. One thread at a time.
 */
struct map_slot {
    void *value; /* NULL: free */
    uint32_t hash;
};

/* What OLD (*N_SLOTSP slots, a power of two; or NULL and 0) holds, in twice as many slots (or 8), from
 * mem_new_array. Frees OLD. */
struct map_slot *map_slots_grow(struct map_slot *old, uint32_t *n_slotsp);
/* Empties the slot GONE of SLOTS, which is taken; others may move. Returns its value. */
void *map_slots_remove(struct map_slot *slots, uint32_t n_slots, struct map_slot *gone);

#endif
