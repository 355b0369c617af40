/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_KEY_MAP_H
#define CONJURE_BASE_KEY_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "conjure/base/map_slots.h"
#include "conjure/base/siphash.h"

/*
 * From a key of some bytes that a peer may choose (an info-hash, a peer id) to the struct that has
 * it, in O(1). The key is a member of that struct, and does not change while it is in the map. Open
 * addressing, at most three quarters full, hashed by SipHash. Memory: 16 bytes a slot, from
 * mem_new_array. One thread at a time.
 *
 *     struct torrent { ...; struct info_hash info_hash; ... };
 *     struct key_map torrents = KEY_MAP(struct torrent, info_hash);
 */
struct key_map {
    struct map_slot *slots;
    uint32_t n_slots; /* 0 or a power of two */
    uint32_t n;
    uint32_t key_at, key_size; /* within a value, in bytes */
    const struct sip_secret *secret;
};
#define KEY_MAP(type, member)                                  \
    ((struct key_map){.key_at = offsetof(type, member),        \
                      .key_size = sizeof(((type *)0)->member), \
                      .secret = sip_secret_of_process()})

void *key_map_get(const struct key_map *m, const void *key); /* NULL when unknown */
/* VALUE is not NULL and stays the caller's. Returns the former value of its key, or NULL. */
void *key_map_put(struct key_map *m, void *value);
/* Returns the removed value, or NULL. */
void *key_map_remove(struct key_map *m, const void *key);
/* Frees the map, not the values; it is empty then. Safe twice. To visit all values, walk
 * slots[0, n_slots) and skip NULL. */
void key_map_deinit(struct key_map *m);

#endif
