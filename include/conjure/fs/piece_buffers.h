/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_FS_PIECE_BUFFERS_H
#define CONJURE_FS_PIECE_BUFFERS_H

#include <stdint.h>

#include "conjure/base/owner.h"

/*
 * The buffers in which whole pieces were received. Hashing a piece from its buffer instead of
 * reading it back saves a seventh of a download's CPU time. A buffer belongs to the piece's record
 * in the books until the piece is hashed; its sender gets another one of the same size in exchange.
 * This pool holds the spare ones and bounds how many there are, for all storages together. One
 * thread.
 */
#define PIECE_BUFFERS_MAX 18 /* a full hash batch, and a few of the next */

struct piece_buffers {
    struct owner thread;
    unsigned n_held; /* by records of pieces */
    unsigned n_spare;
    uint8_t *spare[PIECE_BUFFERS_MAX]; /* of CLAIM_BLOCKS_MAX blocks each, owned */
};
#define PIECE_BUFFERS_EMPTY ((struct piece_buffers){0})

/* No record may hold a buffer. Safe twice. */
void piece_buffers_deinit(struct piece_buffers *b);

/* Counts a buffer that a record takes from its sender, and returns another one for the sender. NULL
 * when there is no room: the record must not take it. */
uint8_t *piece_buffers_exchange(struct piece_buffers *b);
/* Takes BUFFER back from a record. */
void piece_buffers_release(struct piece_buffers *b, uint8_t *buffer);
/* Frees the spare buffers. */
void piece_buffers_shrink(struct piece_buffers *b);

#endif
