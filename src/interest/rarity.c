/* SPDX-License-Identifier: MIT */
#include "interest/rarity.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"

int rarity_init(struct rarity *r, uint32_t n_pieces)
{
    *r = (struct rarity){.n_pieces = n_pieces, .n_buckets = 1};
    r->availability = calloc((size_t)n_pieces + 1, sizeof *r->availability);
    r->position = malloc(((size_t)n_pieces + 1) * sizeof *r->position);
    r->order = malloc(((size_t)n_pieces + 1) * sizeof *r->order);
    r->bucket_end = calloc(1, sizeof *r->bucket_end);
    if (r->availability && r->position && r->order && r->bucket_end &&
        !bitfield_init(&r->ordered, n_pieces)) {
        memset(r->position, 0xff, n_pieces * sizeof *r->position);
        return 0;
    }
    rarity_deinit(r);
    return -ENOMEM;
}

void rarity_deinit(struct rarity *r)
{
    free(r->availability);
    free(r->position);
    free(r->order);
    free(r->bucket_end);
    bitfield_deinit(&r->ordered);
    *r = RARITY_EMPTY;
}

static void put(struct rarity *r, uint32_t at, uint32_t piece)
{
    r->order[at] = piece;
    r->position[piece] = at;
}

static void swap_to(struct rarity *r, uint32_t piece, uint32_t at)
{
    uint32_t other = r->order[at], from = r->position[piece];

    put(r, from, other);
    put(r, at, piece);
}

void rarity_fill(struct rarity *r, const struct bitfield *pieces, struct rng *rng)
{
    uint32_t n = 0;

    assert(!r->n_order && r->n_buckets == 1);
    for (uint32_t i = 0; i < r->n_pieces; i++)
        if (bitfield_test(pieces, i)) {
            bitfield_set(&r->ordered, i);
            put(r, n++, i);
        }
    r->n_order = r->bucket_end[0] = n;
    for (uint32_t i = n; i > 1; i--)
        swap_to(r, r->order[i - 1], rng_below(rng, i));
}

static void need_bucket(struct rarity *r, uint32_t availability)
{
    uint32_t n = r->n_buckets;

    if (availability < n)
        return;
    /* Grows by one as peers join: realloc of a small array is cheap enough. */
    r->n_buckets = availability + 1;
    r->bucket_end = mem_resize(r->bucket_end, r->n_buckets, sizeof *r->bucket_end);
    for (; n < r->n_buckets; n++)
        r->bucket_end[n] = r->n_order;
}

void rarity_more(struct rarity *r, uint32_t piece)
{
    uint32_t a = r->availability[piece]++;

    if (r->position[piece] == RARITY_ABSENT)
        return;
    need_bucket(r, a + 1);
    swap_to(r, piece, --r->bucket_end[a]);
}

void rarity_less(struct rarity *r, uint32_t piece)
{
    uint32_t a = r->availability[piece]--;

    assert(a > 0);
    if (r->position[piece] != RARITY_ABSENT)
        swap_to(r, piece, r->bucket_end[a - 1]++);
}

void rarity_insert(struct rarity *r, uint32_t piece)
{
    uint32_t hole, a;

    if (!bitfield_set(&r->ordered, piece))
        return;
    need_bucket(r, r->availability[piece]);
    hole = r->n_order++;
    for (a = r->n_buckets - 1; a > r->availability[piece]; a--) {
        uint32_t first = r->bucket_end[a - 1];

        if (first != hole)
            put(r, hole, r->order[first]);
        r->bucket_end[a]++;
        hole = first;
    }
    r->bucket_end[a]++;
    put(r, hole, piece);
}

void rarity_remove(struct rarity *r, uint32_t piece)
{
    uint32_t hole = r->position[piece];

    if (!bitfield_clear(&r->ordered, piece))
        return;
    for (uint32_t a = r->availability[piece]; a < r->n_buckets; a++) {
        uint32_t last = --r->bucket_end[a];

        if (last != hole)
            put(r, hole, r->order[last]);
        hole = last;
    }
    r->n_order--;
    r->position[piece] = RARITY_ABSENT;
}
