/* SPDX-License-Identifier: MIT */
#include "conjure/base/key_map.h"

#include <stdlib.h>
#include <string.h>

static const void *key_of(const struct key_map *m, const void *value)
{
    return (const char *)value + m->key_at;
}

static uint32_t hash_of(const struct key_map *m, const void *key)
{
    return (uint32_t)siphash(m->secret, key, m->key_size);
}

/* The slot of the value with KEY, or the free one where it belongs. */
static struct map_slot *find(const struct key_map *m, const void *key, uint32_t hash)
{
    uint32_t i = hash & (m->n_slots - 1);

    while (m->slots[i].value && (m->slots[i].hash != hash ||
                                 memcmp(key_of(m, m->slots[i].value), key, m->key_size) != 0))
        i = (i + 1) & (m->n_slots - 1);
    return &m->slots[i];
}

void *key_map_get(const struct key_map *m, const void *key)
{
    return m->n ? find(m, key, hash_of(m, key))->value : NULL;
}

void *key_map_put(struct key_map *m, void *value)
{
    uint32_t hash = hash_of(m, key_of(m, value));
    struct map_slot *slot;
    void *before;

    if (m->n >= m->n_slots / 4 * 3)
        m->slots = map_slots_grow(m->slots, &m->n_slots);
    slot = find(m, key_of(m, value), hash);
    before = slot->value;
    m->n += !before;
    *slot = (struct map_slot){.value = value, .hash = hash};
    return before;
}

void *key_map_remove(struct key_map *m, const void *key)
{
    struct map_slot *slot = m->n ? find(m, key, hash_of(m, key)) : NULL;

    if (!slot || !slot->value)
        return NULL;
    m->n--;
    return map_slots_remove(m->slots, m->n_slots, slot);
}

void key_map_deinit(struct key_map *m)
{
    free(m->slots);
    m->slots = NULL;
    m->n_slots = m->n = 0;
}
