/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_CREDITS_H
#define CONJURE_BASE_CREDITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A number of credits that many threads share, such as the bytes of memory that they may use
 * together. Any thread; no function waits. */
struct credits {
    atomic_llong n_left; /* less than 0 after credits_take_unasked */
};

static inline void credits_init(struct credits *c, uint64_t n)
{
    atomic_init(&c->n_left, (long long)n);
}

/* Takes all of N, or nothing. */
static inline bool credits_take(struct credits *c, uint32_t n)
{
    long long left = atomic_load_explicit(&c->n_left, memory_order_relaxed);

    while (left >= (long long)n)
        if (atomic_compare_exchange_weak_explicit(&c->n_left, &left, left - n, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    return false;
}

/* Takes N even when fewer are left: for the few without which a user could not go on at all. */
static inline void credits_take_unasked(struct credits *c, uint32_t n)
{
    atomic_fetch_sub_explicit(&c->n_left, n, memory_order_relaxed);
}

static inline void credits_return(struct credits *c, uint32_t n)
{
    atomic_fetch_add_explicit(&c->n_left, n, memory_order_relaxed);
}

static inline int64_t credits_left(struct credits *c)
{
    return atomic_load_explicit(&c->n_left, memory_order_relaxed);
}

#endif
