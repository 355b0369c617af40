/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PIECE_STORED_BLOCKS_H
#define CONJURE_PIECE_STORED_BLOCKS_H

#include <stdint.h>
#include <stdlib.h>

/* Blocks of one unverified piece that are on disk. */
struct stored_run {
    uint64_t blocks; /* bit i is block first_block + i */
    uint32_t piece;
    uint32_t first_block; /* a multiple of 64; no two runs have the same */
};

/* All such blocks that FS found when it opened or checked a torrent, for the InterestTable. One
 * allocation, with a run of 16 bytes for each MiB of a piece that has stored blocks. */
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
