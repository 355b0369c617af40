/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_PICK_H
#define CONJURE_SRC_INTEREST_PICK_H

#include <stdint.h>

struct interest_table;
struct row;
struct started;

/* The piece that ROW claims up to N_BLOCKS blocks of next, with a free block: one that is started,
 * or a new one, which is started by this. NULL when there is none. */
struct started *pick_piece(struct interest_table *t, const struct row *row, uint32_t n_blocks);

#endif
