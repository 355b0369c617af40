/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_PIECE_BUFFERS_H
#define CONJURE_SRC_ACTORS_FS_PIECE_BUFFERS_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/fs/storage.h"

/*
 * Buffers of whole pieces that FS keeps until their hash is known, so that they need not be read back
 * (which costs about a seventh of a download's CPU). The asker of StoreBlocks gets another buffer of the
 * same size in exchange, so what all of them hold together is bounded: KEPT_MAX buffers here.
 */
#define KEPT_MAX 18 /* a full batch, and a little of the next */

struct kept {
    struct kept_piece {
        const struct storage *storage;
        uint32_t piece;
        uint8_t *data;
    } pieces[KEPT_MAX];
    uint8_t *spare[KEPT_MAX];
    unsigned n_pieces, n_spare;
};
#define KEPT_EMPTY ((struct kept){0})

void kept_deinit(struct kept *k); /* safe twice */

/* Keeps DATA, which holds all of PIECE as it was just written, and returns a buffer in exchange; or
 * NULL when there is no room, and then DATA is not kept. */
uint8_t *kept_exchange(struct kept *k, const struct storage *s, uint32_t piece, uint8_t *data);
/* Lets the lanes of JOB, which hashes pieces of S, read what is kept of them. */
void kept_lend(struct kept *k, const struct storage *s, struct disk_job *job);
/* After JOB has run and before it is finished: its pieces are no longer kept. */
void kept_release(struct kept *k, const struct storage *s, const struct disk_job *job);
/* Forgets all of S. */
void kept_forget(struct kept *k, const struct storage *s);
/* Gives spare buffers back to the system. */
void kept_shrink(struct kept *k);

#endif
