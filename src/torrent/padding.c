/* SPDX-License-Identifier: MIT */
#include "conjure/torrent/padding.h"

#include "conjure/torrent/metainfo.h"

/* Bits of the blocks that lie in [BEGIN, END) as a whole; block i begins at FROM + i * BLOCK_SIZE,
 * and the last one ends at TO. */
static uint64_t whole_blocks(uint64_t from, uint64_t to, uint64_t begin, uint64_t end)
{
    uint64_t blocks = 0;

    for (unsigned i = 0; i < 64; i++) {
        uint64_t at = from + (uint64_t)i * BLOCK_SIZE;
        uint64_t block_end = to - at < BLOCK_SIZE ? to : at + BLOCK_SIZE;

        if (at >= to || at >= end)
            break;
        if (at >= begin && block_end <= end)
            blocks |= UINT64_C(1) << i;
    }
    return blocks;
}

/* Such a piece is found on disk without a download. */
static bool is_all_padding(const struct metainfo *m, uint64_t from, uint64_t to)
{
    for (uint32_t file = metainfo_file_at(m, from); file < metainfo_n_files(m); file++) {
        const struct metainfo_file *f = metainfo_file(m, file);

        if (f->offset >= to)
            break;
        if (!f->padding && f->length)
            return false;
    }
    return true;
}

uint64_t padding_blocks(const struct metainfo *m, uint32_t piece, uint32_t first_block)
{
    const struct geometry *g = metainfo_geometry(m);
    uint64_t begin = (uint64_t)piece * g->piece_length, end = begin + geometry_piece_size(g, piece);
    uint64_t from = begin + (uint64_t)first_block * BLOCK_SIZE, to = end, blocks = 0;
    uint32_t n_files = metainfo_n_files(m);

    if (from >= to)
        return 0;
    if (to - from > UINT64_C(64) * BLOCK_SIZE)
        to = from + UINT64_C(64) * BLOCK_SIZE;
    for (uint32_t file = metainfo_file_at(m, from); file < n_files; file++) {
        const struct metainfo_file *f = metainfo_file(m, file);

        if (f->offset >= to)
            break;
        if (f->padding)
            blocks |= whole_blocks(from, to, f->offset, f->offset + f->length);
    }
    return blocks && is_all_padding(m, begin, end) ? 0 : blocks;
}
