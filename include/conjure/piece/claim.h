/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PIECE_CLAIM_H
#define CONJURE_PIECE_CLAIM_H

#include <stdint.h>

/* One claim covers at most this many blocks: 1 MiB. Its blocks fit one word of bits. */
#define CLAIM_BLOCKS_MAX 64

/* Blocks of one piece that one peer is to fetch. InterestStat makes claims. One ends when
 * BlocksStored has named all its blocks, or with ClaimReturned or PeerLeft. Id 0 means "no
 * claim". */
struct claim {
    uint64_t id;
    uint64_t blocks; /* which of n_blocks are to be fetched: bit i is block first_block + i */
    uint32_t piece;
    uint32_t first_block; /* counted from the start of the piece */
    uint32_t n_blocks;
};

#endif
