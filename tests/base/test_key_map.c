/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/key_map.h"
#include "conjure/base/rng.h"

/* The vectors of the paper's reference code: secret 00 01 .. 0f, message 00 01 .. n-1. */
START_TEST(siphash_agrees_with_its_authors)
{
    static const struct {
        size_t n;
        uint64_t hash;
    } vectors[] = {
        {0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
        {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}, {63, 0x958a324ceb064572},
    };
    const struct sip_secret secret = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
    uint8_t bytes[64];

    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        ck_assert_msg(siphash(&secret, bytes, vectors[i].n) == vectors[i].hash, "of %zu bytes",
                      vectors[i].n);
}
END_TEST

START_TEST(the_secret_of_the_process_is_one)
{
    static const struct sip_secret none;

    ck_assert_ptr_eq(sip_secret_of_process(), sip_secret_of_process());
    ck_assert_mem_ne(sip_secret_of_process(), &none, sizeof none);
}
END_TEST

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

START_TEST(an_empty_map_takes_up_again)
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

RUN_SUITE("Maps of keys", 10, siphash_agrees_with_its_authors, the_secret_of_the_process_is_one,
          agrees_with_an_array, an_empty_map_takes_up_again);
