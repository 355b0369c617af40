/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_BITS_H
#define CONJURE_SRC_FS_BITS_H

#include <stdbool.h>
#include <stdint.h>

/* Sets of blocks of one piece: words of 64 bits, the first block in the lowest bit. */

static inline bool bit_test(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

static inline void bit_set(uint64_t *bits, uint32_t i)
{
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void bit_clear(uint64_t *bits, uint32_t i)
{
    bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

#endif
