/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_BLAME_H
#define CONJURE_SRC_FS_BLAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/base/addr.h"
#include "conjure/base/sha1.h"

/*
 * The senders of wrong blocks of a piece that failed. A single sender is known immediately. With
 * several, the digest and the sender of each block are kept until the piece passes: the sender of a
 * block that differs from the correct one is guilty. Memory is bounded: the oldest attempts are
 * dropped. No disk.
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

/* Keeps a copy of a failed attempt; without memory it is dropped. */
void blame_add(struct blame *b, uint32_t piece, const struct addr *from,
               const uint8_t (*digests)[SHA1_SIZE], uint32_t n_blocks);
bool blame_has(const struct blame *b, uint32_t piece);

/* PIECE passed; these are the digests of its blocks, or NULL when they are not known. Calls GUILTY
 * once for each sender of another block, and drops the attempts. */
void blame_settle(struct blame *b, uint32_t piece, const uint8_t (*digests)[SHA1_SIZE],
                  void (*guilty)(void *arg, uint32_t piece, const struct addr *sender), void *arg);

#endif
