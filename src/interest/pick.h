/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_PICK_H
#define CONJURE_SRC_INTEREST_PICK_H

#include <stdint.h>

struct interest_table;
struct row;
struct started;

/* Chooses the piece of which ROW next claims up to N_BLOCKS blocks. It has a free block; a new
 * piece is started. NULL when there is none. */
struct started *pick_piece(struct interest_table *t, const struct row *row, uint32_t n_blocks);

#endif
