/* SPDX-License-Identifier: MIT */
#include "conjure/base/key_map.h"

#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"

static const void *key_of(const struct key_map *m, const void *value)
{
    return (const char *)value + m->key_at;
}

static uint32_t hash_of(const struct key_map *m, const void *key)
{
    return (uint32_t)siphash(m->secret, key, m->key_size);
}

/* The slot that holds KEY, or the free one where it belongs. */
static struct key_map_slot *find(const struct key_map *m, const void *key, uint32_t hash)
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

static void resize(struct key_map *m, uint32_t n_slots)
{
    struct key_map old = *m;

    m->n_slots = n_slots;
    m->slots = mem_new_array(n_slots, sizeof *m->slots);
    for (uint32_t i = 0; i < old.n_slots; i++) {
        uint32_t at = old.slots[i].hash & (n_slots - 1);

        if (!old.slots[i].value)
            continue;
        while (m->slots[at].value)
            at = (at + 1) & (n_slots - 1);
        m->slots[at] = old.slots[i];
    }
    free(old.slots);
}

void *key_map_put(struct key_map *m, void *value)
{
    uint32_t hash = hash_of(m, key_of(m, value));
    struct key_map_slot *slot;
    void *before;

    if (m->n >= m->n_slots / 4 * 3)
        resize(m, m->n_slots ? m->n_slots * 2 : 8);
    slot = find(m, key_of(m, value), hash);
    before = slot->value;
    m->n += !before;
    *slot = (struct key_map_slot){.value = value, .hash = hash};
    return before;
}

void *key_map_remove(struct key_map *m, const void *key)
{
    struct key_map_slot *slot = m->n ? find(m, key, hash_of(m, key)) : NULL;
    uint32_t hole, mask = m->n_slots - 1;
    void *value;

    if (!slot || !slot->value)
        return NULL;
    value = slot->value;
    m->n--;
    /* No tombstones: whoever would no longer be found behind the hole moves into it. */
    hole = (uint32_t)(slot - m->slots);
    for (uint32_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        uint32_t wish = m->slots[i].hash & mask;

        if (((i - wish) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct key_map_slot){0};
    return value;
}

void key_map_deinit(struct key_map *m)
{
    free(m->slots);
    m->slots = NULL;
    m->n_slots = m->n = 0;
}
