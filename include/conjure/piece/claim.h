/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PIECE_CLAIM_H
#define CONJURE_PIECE_CLAIM_H

#include <stdint.h>

/* The most blocks of a claim: 1 MiB, one block for each bit of a word. */
#define CLAIM_BLOCKS_MAX 64

/* Blocks of one piece for one peer to download. InterestStat makes claims. A claim ends when
 * BlocksStored has named all its blocks, or with ClaimReturned or PeerLeft. Id 0 is no claim. */
struct claim {
    uint64_t id;
    uint64_t blocks; /* blocks to download, of n_blocks: bit i is block first_block + i */
    uint32_t piece;
    uint32_t first_block; /* counted from the start of the piece */
    uint32_t n_blocks;
};

#endif
