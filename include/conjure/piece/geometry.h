/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PIECE_GEOMETRY_H
#define CONJURE_PIECE_GEOMETRY_H

#include <stdint.h>

/* The shape of a torrent's content: a row of bytes, cut into pieces (what the torrent has hashes of)
 * and these into blocks (what peers request). Pure arithmetic; any thread. */

#define BLOCK_SIZE 16384u /* bytes of a block: the unit of requests that every client uses */

struct geometry {
    uint64_t total_length; /* bytes of the content */
    uint32_t piece_length; /* bytes of each piece but the last */
    uint32_t n_pieces;
};

/* Bytes of PIECE: the last one may be shorter than the others. */
uint32_t geometry_piece_size(const struct geometry *g, uint32_t piece);
/* Blocks of PIECE: the last block of any piece may be shorter than BLOCK_SIZE. */
uint32_t geometry_n_blocks(const struct geometry *g, uint32_t piece);
/* Bytes of the block of this number, counted from 0, within PIECE. */
uint32_t geometry_block_size(const struct geometry *g, uint32_t piece, uint32_t block);

#endif
