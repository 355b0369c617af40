/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "interest/rarity.h"

#define PIECES 61u

static struct rng rng;

/* The order holds the pieces of `ordered`, each once, at its position, in the bucket of its
 * availability. */
static void check(const struct rarity *r, const uint32_t *availability, const bool *ordered)
{
    uint32_t n = 0, begin = 0;

    for (uint32_t i = 0; i < PIECES; i++) {
        ck_assert_uint_eq(r->availability[i], availability[i]);
        ck_assert_int_eq(bitfield_test(&r->ordered, i), ordered[i]);
        n += ordered[i];
        if (!ordered[i]) {
            ck_assert_uint_eq(r->position[i], RARITY_ABSENT);
            continue;
        }
        ck_assert_uint_lt(r->position[i], r->n_order);
        ck_assert_uint_eq(r->order[r->position[i]], i);
        ck_assert_uint_lt(availability[i], r->n_buckets);
        ck_assert_uint_ge(r->position[i], rarity_bucket_begin(r, availability[i]));
        ck_assert_uint_lt(r->position[i], r->bucket_end[availability[i]]);
    }
    ck_assert_uint_eq(r->n_order, n);
    for (uint32_t a = 0; a < r->n_buckets; a++) {
        ck_assert_uint_ge(r->bucket_end[a], begin);
        begin = r->bucket_end[a];
    }
    ck_assert_uint_eq(begin, n);
}

START_TEST(the_order_follows_every_change)
{
    uint32_t availability[PIECES] = {0};
    bool ordered[PIECES] = {0};
    struct rarity r;

    rng_seed(&rng, 4);
    ck_assert_int_eq(rarity_init(&r, PIECES), 0);
    for (int i = 0; i < 3000; i++) {
        uint32_t piece = rng_below(&rng, PIECES);

        switch (rng_below(&rng, 4)) {
        case 0:
        case 1:
            if (availability[piece] < 20) {
                availability[piece]++;
                rarity_more(&r, piece);
                break;
            }
            /* fall through */
        case 2:
            if (availability[piece]) {
                availability[piece]--;
                rarity_less(&r, piece);
            }
            break;
        default:
            ordered[piece] = rng_below(&rng, 2); /* often no change: no effect */
            (ordered[piece] ? rarity_insert : rarity_remove)(&r, piece);
            break;
        }
        if (i % 10 == 0)
            check(&r, availability, ordered);
    }
    rarity_deinit(&r);
    rarity_deinit(&r);
}
END_TEST

START_TEST(a_filled_order_is_shuffled)
{
    uint32_t availability[PIECES] = {0}, n_moved = 0;
    bool ordered[PIECES] = {0};
    struct bitfield pieces;
    struct rarity r;

    rng_seed(&rng, 5);
    ck_assert_int_eq(bitfield_init(&pieces, PIECES), 0);
    for (uint32_t i = 10; i < PIECES; i++)
        ordered[i] = bitfield_set(&pieces, i);
    ck_assert_int_eq(rarity_init(&r, PIECES), 0);
    rarity_fill(&r, &pieces, &rng);
    check(&r, availability, ordered);
    for (uint32_t i = 0; i < r.n_order; i++)
        n_moved += r.order[i] != 10 + i;
    ck_assert_uint_gt(n_moved, 40);
    bitfield_deinit(&pieces);
    rarity_deinit(&r);
}
END_TEST

RUN_SUITE("rarity", 10, the_order_follows_every_change, a_filled_order_is_shuffled);
