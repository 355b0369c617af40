/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PIECE_GEOMETRY_H
#define CONJURE_PIECE_GEOMETRY_H

#include <stdint.h>

/* How the content of a torrent, one row of bytes, is cut into pieces (which have hashes) and these
 * into blocks (which peers request). Pure arithmetic; any thread. */

#define BLOCK_SIZE 16384u /* bytes of a block, the unit of requests in every client */

struct geometry {
    uint64_t total_length; /* bytes of the content */
    uint32_t piece_length; /* bytes of each piece but the last */
    uint32_t n_pieces;
};

/* Bytes of PIECE: the last piece may be shorter than the others. */
uint32_t geometry_piece_size(const struct geometry *g, uint32_t piece);
/* Blocks of PIECE: the last block of any piece may be shorter than BLOCK_SIZE. */
uint32_t geometry_n_blocks(const struct geometry *g, uint32_t piece);
/* Bytes of block number BLOCK of PIECE, counted from 0. */
uint32_t geometry_block_size(const struct geometry *g, uint32_t piece, uint32_t block);

#endif
