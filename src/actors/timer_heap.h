/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_TIMER_HEAP_H
#define CONJURE_SRC_ACTORS_TIMER_HEAP_H

#include <stdint.h>

#include "conjure/msg/timer.h"

/*
 * Parked Afters by the time they are due: a binary heap. The messages belong to their askers; the
 * heap only points at them, and keeps their `due_ns` and `heap_at`. No clock, no thread.
 */
struct timer_heap {
    struct timer_after **at; /* at[0] is due first */
    uint32_t n;
    uint32_t n_room;
};
#define TIMER_HEAP_EMPTY ((struct timer_heap){0})

void timer_heap_deinit(struct timer_heap *h); /* frees the table, not the messages; safe twice */
/* Parks AFTER until NOW + its delay_ns; a sum past the end of time is the end of time. */
void timer_heap_push(struct timer_heap *h, struct timer_after *after, uint64_t now);
/* Takes out one that is due at NOW, the earliest first; NULL when none is. */
struct timer_after *timer_heap_pop_due(struct timer_heap *h, uint64_t now);
/* Takes out the earliest, due or not; NULL when the heap is empty. */
struct timer_after *timer_heap_pop(struct timer_heap *h);
/* Nanoseconds from NOW until the next is due: 0 when one is already, UINT64_MAX when there is none.
 */
uint64_t timer_heap_wait(const struct timer_heap *h, uint64_t now);

#endif
