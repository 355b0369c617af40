/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_BITS_H
#define CONJURE_SRC_INTEREST_BITS_H

#include <stdint.h>

/* Up to 64 bits at any place of an array of words; bit i of the array is bit i % 64 of word i / 64.
 * Reading past the end gives 0, writing there does nothing. */

/* The N lowest bits set. */
static inline uint64_t bits_low(uint32_t n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

static inline uint32_t bits_count(uint64_t bits)
{
    return (uint32_t)__builtin_popcountll(bits);
}

/* The 64 bits from AT on. */
static inline uint64_t bits_get(const uint64_t *words, uint32_t n_words, uint32_t at)
{
    uint32_t w = at / 64, shift = at % 64;
    uint64_t x = w < n_words ? words[w] >> shift : 0;

    if (shift && w + 1 < n_words)
        x |= words[w + 1] << (64 - shift);
    return x;
}

static inline void bits_set(uint64_t *words, uint32_t n_words, uint32_t at, uint64_t bits)
{
    uint32_t w = at / 64, shift = at % 64;

    if (w < n_words)
        words[w] |= bits << shift;
    if (shift && w + 1 < n_words)
        words[w + 1] |= bits >> (64 - shift);
}

static inline void bits_clear(uint64_t *words, uint32_t n_words, uint32_t at, uint64_t bits)
{
    uint32_t w = at / 64, shift = at % 64;

    if (w < n_words)
        words[w] &= ~(bits << shift);
    if (shift && w + 1 < n_words)
        words[w + 1] &= ~(bits >> (64 - shift));
}

/* Bit i of BITS stands for the number FROM + i. The same numbers as bits from TO on; those outside
 * of 64 bits are lost. */
static inline uint64_t bits_rebase(uint64_t bits, uint32_t from, uint32_t to)
{
    if (to >= from)
        return to - from < 64 ? bits >> (to - from) : 0;
    return from - to < 64 ? bits << (from - to) : 0;
}

#endif
