/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_MAP_SLOTS_H
#define CONJURE_BASE_MAP_SLOTS_H

#include <stdint.h>

/*
 * The slots of id_map and key_map, which are hash tables with open addressing. A value is in slot
 * hash & (n_slots - 1) or, if that is in use, in the next free one; slot 0 follows the last one.
 * Removing a value leaves no gap, so a search may stop at the first free slot. id_map and key_map
 * have the search, because they compare keys. One thread at a time.
 */
struct map_slot {
    void *value; /* NULL: free */
    uint32_t hash;
};

/* Moves the values of OLD (*N_SLOTSP slots, a power of two; or NULL and 0) into twice as many
 * slots, or 8, from mem_new_array. Frees OLD. */
struct map_slot *map_slots_grow(struct map_slot *old, uint32_t *n_slotsp);
/* Empties the slot GONE of SLOTS, which is not free; other values may move. Returns its value. */
void *map_slots_remove(struct map_slot *slots, uint32_t n_slots, struct map_slot *gone);

#endif
