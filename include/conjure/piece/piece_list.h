/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PIECE_PIECE_LIST_H
#define CONJURE_PIECE_PIECE_LIST_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A short list of piece numbers, of a fixed size: what a message about pieces may carry, however
 * many a peer names. Pure; one thread at a time.
 */
#define PIECE_LIST_MAX 16

struct piece_list {
    uint32_t n;
    uint32_t pieces[PIECE_LIST_MAX]; /* [0, n), the oldest first */
};
#define PIECE_LIST_EMPTY ((struct piece_list){0})

/* Appends PIECE, unless it is in the list. False when the list is full. */
bool piece_list_add(struct piece_list *l, uint32_t piece);
/* Makes PIECE the newest of the list; a full list loses its oldest one. */
void piece_list_add_newest(struct piece_list *l, uint32_t piece);

#endif
