/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_ID_MAP_H
#define CONJURE_BASE_ID_MAP_H

#include <stdint.h>

#include "conjure/base/map_slots.h"

/*
 * From a 32-bit number (of a peer, a piece, a torrent) to a pointer, in O(1). Open addressing, at
 * most half full. We choose the numbers, so the hash need not resist attacks. Memory: 16 bytes a
 * slot, from mem_new_array. One thread at a time.
 */
struct id_map {
    struct map_slot *slots;
    uint32_t n_slots; /* 0 or a power of two */
    uint32_t n;
};
#define ID_MAP_EMPTY ((struct id_map){0})

void *id_map_get(const struct id_map *m, uint32_t id); /* NULL when unknown */
/* VALUE is not NULL and stays the caller's; a former value of ID is replaced. */
void id_map_put(struct id_map *m, uint32_t id, void *value);
/* Returns the removed value, or NULL. */
void *id_map_remove(struct id_map *m, uint32_t id);
/* Frees the map, not the values. Safe twice. To visit all values, walk slots[0, n_slots). */
void id_map_deinit(struct id_map *m);

#endif
