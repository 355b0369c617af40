/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_BYTES_H
#define CONJURE_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Big-endian integers, as in every BitTorrent protocol, and hexadecimal text. */

static inline uint16_t get_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t get_be64(const uint8_t *p)
{
    return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

static inline uint8_t *put_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

static inline uint8_t *put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
    return p + 4;
}

static inline uint8_t *put_be64(uint8_t *p, uint64_t v)
{
    return put_be32(put_be32(p, (uint32_t)(v >> 32)), (uint32_t)v);
}

/* Writes 2*N hexadecimal digits and a NUL to TEXT and returns it. */
char *hex_encode(const uint8_t *bytes, size_t n, char *text);

enum {
    HEX_MALFORMED = 1, /* a character is not a hexadecimal digit */
};

/* Reads exactly 2*N hexadecimal digits from TEXT. Returns 0 or HEX_MALFORMED. */
int hex_decode(const char *text, uint8_t *bytes, size_t n);

#endif
