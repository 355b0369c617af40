/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/id_map.h"
#include "conjure/base/rng.h"

#define IDS 500

START_TEST(agrees_with_an_array)
{
    struct id_map m = ID_MAP_EMPTY;
    static char things[IDS];
    void *model[IDS] = {0};
    struct rng rng;
    uint32_t n = 0;

    rng_seed(&rng, 5);
    ck_assert_ptr_null(id_map_get(&m, 1));
    ck_assert_ptr_null(id_map_remove(&m, 1));
    for (int i = 0; i < 40000; i++) {
        uint32_t k = rng_below(&rng, IDS), id = k * 0x01000193u; /* far apart and colliding */

        if (rng_below(&rng, 2)) {
            n += !model[k];
            model[k] = &things[rng_below(&rng, IDS)];
            id_map_put(&m, id, model[k]);
        } else {
            n -= model[k] != NULL;
            ck_assert(id_map_remove(&m, id) == model[k]);
            model[k] = NULL;
        }
        ck_assert(m.n == n);
        k = rng_below(&rng, IDS);
        ck_assert(id_map_get(&m, k * 0x01000193u) == model[k]);
    }
    for (uint32_t k = 0; k < IDS; k++)
        ck_assert_ptr_eq(id_map_get(&m, k * 0x01000193u), model[k]);
    id_map_deinit(&m);
    id_map_deinit(&m);
}
END_TEST

/* The map stores hashes instead of numbers: no two numbers may have the same hash. */
START_TEST(numbers_with_close_hashes_are_distinguished)
{
    struct id_map m = ID_MAP_EMPTY;
    const uint32_t step = 0x0e8b2f51; /* times the factor of the hash: 1 */
    static char things[1024];

    for (uint32_t i = 0; i < sizeof things; i++) {
        ck_assert_ptr_null(id_map_get(&m, i * step));
        id_map_put(&m, i * step, &things[i]);
    }
    for (uint32_t i = 0; i < sizeof things; i++)
        ck_assert_ptr_eq(id_map_remove(&m, i * step), &things[i]);
    ck_assert_uint_eq(m.n, 0);
    id_map_deinit(&m);
}
END_TEST

RUN_SUITE("Maps of numbers", 10, agrees_with_an_array, numbers_with_close_hashes_are_distinguished);
