/* SPDX-License-Identifier: MIT */
#include "conjure/base/due_heap.h"

#include <stdbool.h>
#include <stdlib.h>

#include "conjure/base/alloc.h"

static void put(struct due_heap *h, uint32_t i, struct due *d)
{
    h->entries[i] = d;
    d->place = i + 1;
}

static void sift_up(struct due_heap *h, uint32_t i, struct due *d)
{
    for (; i && d->at_ns < h->entries[(i - 1) / 2]->at_ns; i = (i - 1) / 2)
        put(h, i, h->entries[(i - 1) / 2]);
    put(h, i, d);
}

static void sift_down(struct due_heap *h, uint32_t i, struct due *d)
{
    uint32_t child;

    while ((child = 2 * i + 1) < h->n) {
        if (child + 1 < h->n && h->entries[child + 1]->at_ns < h->entries[child]->at_ns)
            child++;
        if (d->at_ns <= h->entries[child]->at_ns)
            break;
        put(h, i, h->entries[child]);
        i = child;
    }
    put(h, i, d);
}

void due_heap_deinit(struct due_heap *h)
{
    free(h->entries);
    *h = DUE_HEAP_EMPTY;
}

void due_heap_set(struct due_heap *h, struct due *d, uint64_t at_ns)
{
    bool later = d->place && at_ns > d->at_ns;

    if (!d->place) {
        mem_reserve(&h->entries, &h->room, (size_t)h->n + 1, sizeof(struct due *));
        put(h, h->n++, d);
    }
    d->at_ns = at_ns;
    if (later)
        sift_down(h, d->place - 1, d);
    else
        sift_up(h, d->place - 1, d);
}

void due_heap_remove(struct due_heap *h, struct due *d)
{
    uint32_t i = d->place - 1;
    struct due *last;

    if (!d->place)
        return;
    d->place = 0;
    last = h->entries[--h->n];
    if (last == d)
        return;
    /* LAST is from another branch, so its place may be above or below the gap. */
    if (i && last->at_ns < h->entries[(i - 1) / 2]->at_ns)
        sift_up(h, i, last);
    else
        sift_down(h, i, last);
}

struct due *due_heap_pop(struct due_heap *h)
{
    struct due *first = h->n ? h->entries[0] : NULL;

    if (first)
        due_heap_remove(h, first);
    return first;
}

struct due *due_heap_pop_due(struct due_heap *h, uint64_t now)
{
    return h->n && h->entries[0]->at_ns <= now ? due_heap_pop(h) : NULL;
}

uint64_t due_heap_next_ns(const struct due_heap *h)
{
    return h->n ? h->entries[0]->at_ns : UINT64_MAX;
}
