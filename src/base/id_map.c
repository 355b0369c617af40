/* SPDX-License-Identifier: MIT */
#include "conjure/base/id_map.h"

#include <stdlib.h>

/* Different numbers have different hashes (an odd factor, a rotation), so slots need not store the
 * number. */
static uint32_t hash_of(uint32_t id)
{
    uint32_t product = id * UINT32_C(0x9e3779b1);

    return product >> 7 | product << 25;
}

/* The slot of the value with HASH, or the free one where it belongs. */
static struct map_slot *find(const struct id_map *m, uint32_t hash)
{
    uint32_t i = hash & (m->n_slots - 1);

    while (m->slots[i].value && m->slots[i].hash != hash)
        i = (i + 1) & (m->n_slots - 1);
    return &m->slots[i];
}

void *id_map_get(const struct id_map *m, uint32_t id)
{
    return m->n_slots ? find(m, hash_of(id))->value : NULL;
}

void id_map_put(struct id_map *m, uint32_t id, void *value)
{
    uint32_t hash = hash_of(id);
    struct map_slot *slot;

    if (m->n * 2 >= m->n_slots)
        m->slots = map_slots_grow(m->slots, &m->n_slots);
    slot = find(m, hash);
    m->n += !slot->value;
    *slot = (struct map_slot){.value = value, .hash = hash};
}

void *id_map_remove(struct id_map *m, uint32_t id)
{
    struct map_slot *slot = m->n_slots ? find(m, hash_of(id)) : NULL;

    if (!slot || !slot->value)
        return NULL;
    m->n--;
    return map_slots_remove(m->slots, m->n_slots, slot);
}

void id_map_deinit(struct id_map *m)
{
    free(m->slots);
    *m = ID_MAP_EMPTY;
}
