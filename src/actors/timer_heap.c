/* SPDX-License-Identifier: MIT */
#include "actors/timer_heap.h"

#include <stdlib.h>

#include "conjure/base/alloc.h"

static void put(struct timer_heap *h, uint32_t i, struct timer_after *after)
{
    h->at[i] = after;
    after->heap_at = i;
}

void timer_heap_deinit(struct timer_heap *h)
{
    free(h->at);
    *h = TIMER_HEAP_EMPTY;
}

void timer_heap_push(struct timer_heap *h, struct timer_after *after, uint64_t now)
{
    uint32_t i = h->n;

    if (h->n == h->n_room) {
        h->n_room = h->n_room ? h->n_room * 2 : 16;
        h->at = mem_resize(h->at, h->n_room, sizeof h->at[0]);
    }
    if (__builtin_add_overflow(now, after->delay_ns, &after->due_ns))
        after->due_ns = UINT64_MAX;
    h->n++;
    for (; i && after->due_ns < h->at[(i - 1) / 2]->due_ns; i = (i - 1) / 2)
        put(h, i, h->at[(i - 1) / 2]);
    put(h, i, after);
}

struct timer_after *timer_heap_pop(struct timer_heap *h)
{
    struct timer_after *first, *last;
    uint32_t i = 0, child;

    if (!h->n)
        return NULL;
    first = h->at[0];
    last = h->at[--h->n];
    if (!h->n)
        return first;
    while ((child = 2 * i + 1) < h->n) {
        if (child + 1 < h->n && h->at[child + 1]->due_ns < h->at[child]->due_ns)
            child++;
        if (last->due_ns <= h->at[child]->due_ns)
            break;
        put(h, i, h->at[child]);
        i = child;
    }
    put(h, i, last);
    return first;
}

struct timer_after *timer_heap_pop_due(struct timer_heap *h, uint64_t now)
{
    return h->n && h->at[0]->due_ns <= now ? timer_heap_pop(h) : NULL;
}

uint64_t timer_heap_wait(const struct timer_heap *h, uint64_t now)
{
    if (!h->n || h->at[0]->due_ns == UINT64_MAX)
        return UINT64_MAX;
    return h->at[0]->due_ns <= now ? 0 : h->at[0]->due_ns - now;
}
