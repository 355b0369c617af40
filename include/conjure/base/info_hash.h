/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_INFO_HASH_H
#define CONJURE_BASE_INFO_HASH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "conjure/base/bytes.h"

/* The name of a torrent: the SHA-1 of its info dictionary (BEP 3). A type of its own, so that no
 * other twenty bytes (a peer id, a piece's hash) can be taken for it. Any thread. */
#define INFO_HASH_SIZE      20
#define INFO_HASH_TEXT_SIZE (2 * INFO_HASH_SIZE + 1)

struct info_hash {
    uint8_t bytes[INFO_HASH_SIZE];
};

/* BYTES are from a handshake, an announce or a resume file. */
static inline struct info_hash info_hash_from(const uint8_t bytes[INFO_HASH_SIZE])
{
    struct info_hash h;

    memcpy(h.bytes, bytes, sizeof h.bytes);
    return h;
}

static inline bool info_hash_equal(const struct info_hash *a, const struct info_hash *b)
{
    return !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* Writes 40 hexadecimal digits and a NUL to TEXT, and returns it. */
static inline char *info_hash_text(const struct info_hash *h, char text[INFO_HASH_TEXT_SIZE])
{
    return hex_encode(h->bytes, sizeof h->bytes, text);
}

#endif
