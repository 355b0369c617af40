/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_SEARCH_H
#define CONJURE_BASE_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

/* Binary search among N entries. IS_BEFORE must be true for a first part of them, and false for the
 * rest; returns the size of the first part. ARG and KEY are passed on to IS_BEFORE. */
static inline uint32_t search_count(uint32_t n,
                                    bool (*is_before)(const void *arg, uint32_t i, const void *key),
                                    const void *arg, const void *key)
{
    uint32_t low = 0, high = n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (is_before(arg, middle, key))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#endif
