/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/key_map.h"
#include "conjure/base/rng.h"

#define THINGS 500

struct thing {
    int number;
    uint8_t key[20];
};

START_TEST(agrees_with_an_array)
{
    struct key_map m = KEY_MAP(struct thing, key);
    static struct thing things[THINGS][2]; /* two with each key */
    struct thing *model[THINGS] = {0};
    struct rng rng;
    uint32_t n = 0;

    rng_seed(&rng, 5);
    for (int k = 0; k < THINGS; k++) {
        for (int i = 0; i < 2; i++) { /* they differ in the last two bytes only */
            things[k][i].key[18] = (uint8_t)(k >> 8);
            things[k][i].key[19] = (uint8_t)k;
        }
    }
    ck_assert_ptr_null(key_map_get(&m, things[1][0].key));
    ck_assert_ptr_null(key_map_remove(&m, things[1][0].key));
    for (int i = 0; i < 40000; i++) {
        uint32_t k = rng_below(&rng, THINGS);
        struct thing *thing = &things[k][rng_below(&rng, 2)];

        if (rng_below(&rng, 2)) {
            n += !model[k];
            ck_assert_ptr_eq(key_map_put(&m, thing), model[k]);
            model[k] = thing;
        } else {
            n -= model[k] != NULL;
            ck_assert_ptr_eq(key_map_remove(&m, thing->key), model[k]);
            model[k] = NULL;
        }
        ck_assert_uint_eq(m.n, n);
        ck_assert_uint_le(m.n, m.n_slots / 4 * 3);
        k = rng_below(&rng, THINGS);
        ck_assert_ptr_eq(key_map_get(&m, things[k][0].key), model[k]);
    }
    for (uint32_t k = 0; k < THINGS; k++)
        ck_assert_ptr_eq(key_map_get(&m, things[k][0].key), model[k]);
    key_map_deinit(&m);
    ck_assert_ptr_null(key_map_get(&m, things[0][0].key));
    key_map_deinit(&m);
}
END_TEST

START_TEST(an_empty_map_can_be_filled_again)
{
    struct key_map m = KEY_MAP(struct thing, key);
    struct thing thing = {.key = {1}};

    key_map_put(&m, &thing);
    key_map_deinit(&m);
    ck_assert_ptr_null(key_map_put(&m, &thing));
    ck_assert_ptr_eq(key_map_get(&m, thing.key), &thing);
    ck_assert_ptr_eq(key_map_remove(&m, thing.key), &thing);
    ck_assert_ptr_null(key_map_get(&m, thing.key));
    key_map_deinit(&m);
}
END_TEST

RUN_SUITE("Maps of keys", 10, agrees_with_an_array, an_empty_map_can_be_filled_again);
