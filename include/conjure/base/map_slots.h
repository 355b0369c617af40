/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_MAP_SLOTS_H
#define CONJURE_BASE_MAP_SLOTS_H

#include <stdint.h>

/*
 * The slots of id_map and key_map, open addressing: a value lies in the slot of its hash,
 * hash & (n_slots - 1), or in the first free one after it, wrapping at the end. There are no
 * tombstones, so a search may stop at the first free slot. The maps search themselves, because only
 * they know which keys are equal. One thread at a time.
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
