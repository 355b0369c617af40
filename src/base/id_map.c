/* SPDX-License-Identifier: MIT */
#include "conjure/base/id_map.h"

#include <stdlib.h>

#include "conjure/base/alloc.h"

static uint32_t slot_of(const struct id_map *m, uint32_t id)
{
    return (id * UINT32_C(0x9e3779b1) >> 7) & (m->n_slots - 1);
}

/* The slot that holds ID, or the free one where it belongs. */
static struct id_map_slot *find(const struct id_map *m, uint32_t id)
{
    uint32_t i = slot_of(m, id);

    while (m->slots[i].value && m->slots[i].id != id)
        i = (i + 1) & (m->n_slots - 1);
    return &m->slots[i];
}

void *id_map_get(const struct id_map *m, uint32_t id)
{
    return m->n_slots ? find(m, id)->value : NULL;
}

static void grow(struct id_map *m)
{
    struct id_map old = *m;

    m->n_slots = old.n_slots ? old.n_slots * 2 : 8;
    m->slots = mem_new_array(m->n_slots, sizeof *m->slots);
    for (uint32_t i = 0; i < old.n_slots; i++)
        if (old.slots[i].value)
            *find(m, old.slots[i].id) = old.slots[i];
    free(old.slots);
}

void id_map_put(struct id_map *m, uint32_t id, void *value)
{
    struct id_map_slot *slot;

    if (m->n * 2 >= m->n_slots)
        grow(m);
    slot = find(m, id);
    if (!slot->value)
        m->n++;
    *slot = (struct id_map_slot){.value = value, .id = id};
}

void *id_map_remove(struct id_map *m, uint32_t id)
{
    struct id_map_slot *slot = m->n_slots ? find(m, id) : NULL;
    uint32_t hole, mask = m->n_slots - 1;
    void *value;

    if (!slot || !slot->value)
        return NULL;
    value = slot->value;
    m->n--;
    /* No tombstones: whoever would no longer be found behind the hole moves into it. */
    hole = (uint32_t)(slot - m->slots);
    for (uint32_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        uint32_t wish = slot_of(m, m->slots[i].id);

        if (((i - wish) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct id_map_slot){0};
    return value;
}

void id_map_deinit(struct id_map *m)
{
    free(m->slots);
    *m = ID_MAP_EMPTY;
}
