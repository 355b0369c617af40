/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PIECE_STORED_BLOCKS_H
#define CONJURE_PIECE_STORED_BLOCKS_H

#include <stdint.h>
#include <stdlib.h>

/* Blocks of one piece that are on disk while the piece is not verified: bit i of BLOCKS is block
 * first_block + i. */
struct stored_run {
    uint64_t blocks;
    uint32_t piece;
    uint32_t first_block; /* a multiple of 64; at most one run for the same blocks */
};

/* What FS found of unverified pieces when it opened or checked a torrent, for the InterestTable. In
 * one allocation: 16 bytes for each MiB begun. */
struct stored_blocks {
    struct stored_run *runs; /* owned */
    size_t n;
};
#define STORED_BLOCKS_EMPTY ((struct stored_blocks){0})

static inline void stored_blocks_deinit(struct stored_blocks *s) /* safe twice */
{
    free(s->runs);
    *s = STORED_BLOCKS_EMPTY;
}

#endif
