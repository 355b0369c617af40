/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdlib.h>

#include "conjure/base/map_slots.h"
#include "conjure/base/rng.h"

#define N_SLOTS 16u

static char values[N_SLOTS];

static struct map_slot *find(struct map_slot *slots, uint32_t n_slots, uint32_t hash, void *value)
{
    uint32_t i = hash & (n_slots - 1);

    while (slots[i].value && slots[i].value != value)
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

/* Few different hashes for many values: long runs, which wrap at the end. */
START_TEST(every_value_is_found_after_others_were_removed)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct map_slot slots[N_SLOTS] = {0};
        uint32_t hashes[N_SLOTS], n = 12;
        struct rng rng;

        rng_seed(&rng, seed);
        for (uint32_t i = 0; i < n; i++) {
            hashes[i] = 12 + rng_below(&rng, 8);
            *find(slots, N_SLOTS, hashes[i], &values[i]) =
                (struct map_slot){.value = &values[i], .hash = hashes[i]};
        }
        for (uint32_t i = 0; i < n; i++) {
            struct map_slot *gone = find(slots, N_SLOTS, hashes[i], &values[i]);

            ck_assert_ptr_eq(map_slots_remove(slots, N_SLOTS, gone), &values[i]);
            ck_assert_ptr_null(find(slots, N_SLOTS, hashes[i], &values[i])->value);
            for (uint32_t k = i + 1; k < n; k++)
                ck_assert_ptr_eq(find(slots, N_SLOTS, hashes[k], &values[k])->value, &values[k]);
        }
        for (uint32_t i = 0; i < N_SLOTS; i++)
            ck_assert_ptr_null(slots[i].value);
    }
}
END_TEST

START_TEST(growing_keeps_every_value)
{
    uint32_t n_slots = 0, n = 0;
    struct map_slot *slots = map_slots_grow(NULL, &n_slots);

    ck_assert_uint_eq(n_slots, 8);
    for (; n < 6; n++)
        *find(slots, n_slots, n * 8 + 7, &values[n]) =
            (struct map_slot){.value = &values[n], .hash = n * 8 + 7};
    slots = map_slots_grow(slots, &n_slots);
    ck_assert_uint_eq(n_slots, 16);
    slots = map_slots_grow(slots, &n_slots);
    for (uint32_t i = 0; i < n; i++) {
        struct map_slot *slot = find(slots, n_slots, i * 8 + 7, &values[i]);

        ck_assert_ptr_eq(slot->value, &values[i]);
        ck_assert_uint_eq(slot->hash, i * 8 + 7);
    }
    free(slots);
}
END_TEST

RUN_SUITE("map slots", 10, every_value_is_found_after_others_were_removed,
          growing_keeps_every_value);
