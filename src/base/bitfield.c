/* SPDX-License-Identifier: MIT */
#include "conjure/base/bitfield.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int bitfield_init(struct bitfield *b, uint32_t n_bits)
{
    *b = BITFIELD_EMPTY;
    b->bytes = calloc(1, bitfield_size(n_bits) + 1);
    if (!b->bytes)
        return -ENOMEM;
    b->n_bits = n_bits;
    return 0;
}

void bitfield_deinit(struct bitfield *b)
{
    free(b->bytes);
    *b = BITFIELD_EMPTY;
}

int bitfield_load(struct bitfield *b, const uint8_t *bytes, size_t size)
{
    uint32_t n_set = 0;

    if (size != bitfield_size(b->n_bits))
        return BITFIELD_MALFORMED;
    if (b->n_bits % 8 && bytes[size - 1] & (0xff >> (b->n_bits % 8)))
        return BITFIELD_MALFORMED;
    memcpy(b->bytes, bytes, size);
    for (size_t i = 0; i < size; i++)
        n_set += (uint32_t)__builtin_popcount(bytes[i]);
    b->n_set = n_set;
    return 0;
}

int bitfield_copy(struct bitfield *to, const struct bitfield *from)
{
    int r = bitfield_init(to, from->n_bits);

    if (r)
        return r;
    memcpy(to->bytes, from->bytes, bitfield_size(from->n_bits));
    to->n_set = from->n_set;
    return 0;
}

void bitfield_add(struct bitfield *to, const struct bitfield *from)
{
    size_t size = bitfield_size(to->n_bits);

    to->n_set = 0;
    for (size_t i = 0; i < size; i++) {
        to->bytes[i] |= from->bytes[i];
        to->n_set += (uint32_t)__builtin_popcount(to->bytes[i]);
    }
}

void bitfield_set_all(struct bitfield *b)
{
    size_t size = bitfield_size(b->n_bits);

    memset(b->bytes, 0xff, size);
    if (b->n_bits % 8)
        b->bytes[size - 1] = (uint8_t)(0xff << (8 - b->n_bits % 8));
    b->n_set = b->n_bits;
}

void bitfield_clear_all(struct bitfield *b)
{
    memset(b->bytes, 0, bitfield_size(b->n_bits));
    b->n_set = 0;
}
