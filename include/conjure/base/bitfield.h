/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_BITFIELD_H
#define CONJURE_BASE_BITFIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A set of piece numbers in the order of the wire (BEP 3): bit 0 is the high bit of byte 0, spare
 * bits at the end are zero. Counts its members, so "all" and "none" are O(1).
 */
struct bitfield {
    uint8_t *bytes; /* bitfield_size(n_bits), owned */
    uint32_t n_bits;
    uint32_t n_set;
};
#define BITFIELD_EMPTY ((struct bitfield){0})

static inline size_t bitfield_size(uint32_t n_bits)
{
    return ((size_t)n_bits + 7) / 8;
}

/* All bits clear. Returns 0 or -ENOMEM. Undone by bitfield_deinit, which is safe twice. */
int bitfield_init(struct bitfield *b, uint32_t n_bits);
void bitfield_deinit(struct bitfield *b);

enum {
    BITFIELD_MALFORMED = 1, /* the size is not that of n_bits, or a spare bit is set */
};

/* Copies the SIZE bytes of a bitfield in wire format into B, which is initialised. Returns 0; or
 * BITFIELD_MALFORMED, with B unchanged. */
int bitfield_load(struct bitfield *b, const uint8_t *bytes, size_t size);
int bitfield_copy(struct bitfield *to, const struct bitfield *from); /* TO is empty; 0 or -ENOMEM */
void bitfield_set_all(struct bitfield *b);
/* Adds the members of FROM to TO, of the same n_bits. */
void bitfield_add(struct bitfield *to, const struct bitfield *from);
void bitfield_clear_all(struct bitfield *b);

static inline bool bitfield_test(const struct bitfield *b, uint32_t i)
{
    return b->bytes[i >> 3] & (0x80 >> (i & 7));
}

/* Both return whether the bit changed. */
static inline bool bitfield_set(struct bitfield *b, uint32_t i)
{
    if (bitfield_test(b, i))
        return false;
    b->bytes[i >> 3] = (uint8_t)(b->bytes[i >> 3] | 0x80 >> (i & 7));
    b->n_set++;
    return true;
}

static inline bool bitfield_clear(struct bitfield *b, uint32_t i)
{
    if (!bitfield_test(b, i))
        return false;
    b->bytes[i >> 3] = (uint8_t)(b->bytes[i >> 3] & ~(0x80 >> (i & 7)));
    b->n_set--;
    return true;
}

static inline bool bitfield_all(const struct bitfield *b)
{
    return b->n_set == b->n_bits;
}

#endif
