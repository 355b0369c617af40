/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_DUE_HEAP_H
#define CONJURE_BASE_DUE_HEAP_H

#include <stdint.h>

/*
 * Things by the time they are due: a binary heap. A thing embeds a `struct due`, is in at most one heap
 * by it, and belongs to somebody else. No clock; times are in ns, UINT64_MAX is never.
 */
struct due {
    uint64_t at_ns;
    uint32_t place; /* in the heap, from 1; 0: in none */
};
#define DUE_EMPTY ((struct due){0})

struct due_heap {
    struct due **things; /* things[0] is due first */
    uint32_t n;
    uint32_t n_room;
};
#define DUE_HEAP_EMPTY ((struct due_heap){0})

void due_heap_deinit(struct due_heap *h); /* frees the table, not the things; safe twice */
/* Puts D in, or moves it, to be due at AT_NS. */
void due_heap_set(struct due_heap *h, struct due *d, uint64_t at_ns);
/* Takes D out; fine when it is not in. */
void due_heap_remove(struct due_heap *h, struct due *d);
/* Takes out the one that has been due longest at NOW; NULL when none is. */
struct due *due_heap_pop_due(struct due_heap *h, uint64_t now);
/* Takes out the earliest, due or not; NULL when the heap is empty. */
struct due *due_heap_pop(struct due_heap *h);
/* When the earliest is due; UINT64_MAX when there is none. */
uint64_t due_heap_next_ns(const struct due_heap *h);

#endif
