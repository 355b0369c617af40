/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_BLAME_H
#define CONJURE_SRC_FS_BLAME_H

#include <stddef.h>
#include <stdint.h>

#include "conjure/base/addr.h"
#include "conjure/base/sha1.h"

/*
 * Who sent the wrong blocks of a failed piece. With one sender it is clear at once. With several,
 * the digest of each block and its sender are kept until the piece passes: whoever sent a block
 * that differs from the good one is guilty. Memory is bounded: the oldest attempts are forgotten.
 */
#define BLAME_BYTES_MAX (4u << 20)

struct blame_attempt {
    struct blame_attempt *next; /* younger */
    uint32_t piece, n_blocks;
    struct addr *from;             /* per block; ADDR_NONE: unknown */
    uint8_t (*digests)[SHA1_SIZE]; /* per block */
};

struct blame {
    struct blame_attempt *oldest, *youngest;
    size_t n_bytes;
};
#define BLAME_EMPTY ((struct blame){0})

void blame_deinit(struct blame *b);

/* The only sender of all N_BLOCKS, or NULL when there are several or unknown ones. */
const struct addr *blame_find_single(const struct addr *from, uint32_t n_blocks);

/* Remembers a failed attempt (copies all). Without memory it is forgotten. */
void blame_add(struct blame *b, uint32_t piece, const struct addr *from,
               const uint8_t (*digests)[SHA1_SIZE], uint32_t n_blocks);
int blame_has(const struct blame *b, uint32_t piece);

/* PIECE passed; these are the digests of its blocks, or NULL when they are not known. Calls
 * GUILTY once for everyone who sent something else, and forgets the attempts. */
void blame_settle(struct blame *b, uint32_t piece, const uint8_t (*digests)[SHA1_SIZE],
                  void (*guilty)(void *arg, uint32_t piece, const struct addr *who), void *arg);

#endif
