/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TORRENT_PADDING_H
#define CONJURE_TORRENT_PADDING_H

#include <stdint.h>

struct metainfo;

/* Those of the 64 blocks of PIECE from FIRST_BLOCK on that lie in a padding file (BEP 47) as a
 * whole: bit i is FIRST_BLOCK + i. They are zeros, so that no peer needs to send them. None for a
 * piece of padding alone, which is verified without a download. O(files of the piece). Any
 * thread. */
uint64_t padding_blocks(const struct metainfo *m, uint32_t piece, uint32_t first_block);

#endif
