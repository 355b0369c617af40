/* SPDX-License-Identifier: MIT */
#include "conjure/piece/geometry.h"

#include <assert.h>

uint32_t geometry_piece_size(const struct geometry *g, uint32_t piece)
{
    assert(piece < g->n_pieces);
    if (piece + 1 < g->n_pieces)
        return g->piece_length;
    return (uint32_t)(g->total_length - (uint64_t)piece * g->piece_length);
}

uint32_t geometry_n_blocks(const struct geometry *g, uint32_t piece)
{
    return (geometry_piece_size(g, piece) + BLOCK_SIZE - 1) / BLOCK_SIZE;
}

/* Any piece whose length is no multiple of BLOCK_SIZE ends in a short block. */
uint32_t geometry_block_size(const struct geometry *g, uint32_t piece, uint32_t block)
{
    uint32_t rest = geometry_piece_size(g, piece) - block * BLOCK_SIZE;

    return rest < BLOCK_SIZE ? rest : BLOCK_SIZE;
}
