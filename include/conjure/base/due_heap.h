/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_DUE_HEAP_H
#define CONJURE_BASE_DUE_HEAP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Objects by the time they are due: a binary heap. An object embeds a `struct due`, with which it
 * is in at most one heap; the heap does not own it. No clock; times are in ns, UINT64_MAX is never.
 * One thread at a time.
 */
struct due {
    uint64_t at_ns;
    uint32_t place; /* in the heap, from 1; 0: in none */
};
#define DUE_EMPTY ((struct due){0})

struct due_heap {
    struct due **entries; /* entries[0] is due first */
    uint32_t n;
    size_t room;
};
#define DUE_HEAP_EMPTY ((struct due_heap){0})

void due_heap_deinit(struct due_heap *h); /* frees the array, not the objects; safe twice */
/* Adds D, or moves it, to be due at AT_NS. */
void due_heap_set(struct due_heap *h, struct due *d, uint64_t at_ns);
/* Removes D; no effect when it is in no heap. */
void due_heap_remove(struct due_heap *h, struct due *d);
/* Removes and returns the entry that has been due longest at NOW; NULL when none is due. */
struct due *due_heap_pop_due(struct due_heap *h, uint64_t now);
/* Removes and returns the earliest entry, due or not; NULL when the heap is empty. */
struct due *due_heap_pop(struct due_heap *h);
/* When the earliest entry is due; UINT64_MAX when the heap is empty. */
uint64_t due_heap_next_ns(const struct due_heap *h);

#endif
