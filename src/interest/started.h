/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_STARTED_H
#define CONJURE_SRC_INTEREST_STARTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/base/id_map.h"
#include "conjure/piece/geometry.h"

/*
 * Started pieces: missing ones of which blocks are claimed or stored. Only these have a state for
 * each block, in three bits: free, held by one claim, held by two, or stored. BLOCKS is always a
 * set of up to 64 blocks: bit i is block FIRST + i. Pure; one thread at a time calls.
 */
struct active_claim;

struct started {
    uint32_t piece;
    uint32_t n_blocks;
    uint32_t n_stored;
    uint32_t n_free;
    uint32_t partial_at; /* index in started_pieces.partial while n_free > 0 */
    bool suspect;        /* its hash was wrong: only one peer may claim blocks */
    bool owned;          /* suspect, and OWNER is that peer */
    uint32_t owner;
    struct active_claim *claims; /* on this piece; belongs to claims.c */
    uint32_t n_words;
    uint64_t *stored, *held, *twice; /* n_words each, in one allocation after this struct */
    uint64_t words[];
};

struct started_pieces {
    struct id_map by_piece;
    struct started **partial; /* those with free blocks */
    size_t n_partial, room;
};
#define STARTED_PIECES_EMPTY ((struct started_pieces){0})

void started_pieces_deinit(struct started_pieces *p); /* safe twice */

/* All blocks are free. NULL when memory is short. The piece must not be started already. */
struct started *started_add(struct started_pieces *p, uint32_t piece, uint32_t n_blocks);
struct started *started_find(const struct started_pieces *p, uint32_t piece); /* or NULL */
void started_remove(struct started_pieces *p, struct started *s);

/* BLOCKS, in any state, become stored. Returns those that were not stored before. Blocks beyond the
 * piece's end are ignored. */
uint64_t started_store(struct started_pieces *p, struct started *s, uint32_t first,
                       uint64_t blocks);

/* Returns the free blocks among N_BLOCKS blocks from *FIRSTP, the piece's first free block. The
 * piece must have one. */
uint64_t started_next_free(const struct started *s, uint32_t n_blocks, uint32_t *firstp);
/* BLOCKS, which are free, become held by one claim. */
void started_hold(struct started_pieces *p, struct started *s, uint32_t first, uint64_t blocks);

/* BLOCKS are held by one claim or two. Returns those that one claim holds. */
uint64_t started_held_once(const struct started *s, uint32_t first, uint64_t blocks);
/* BLOCKS, which one claim holds, become held by two. */
void started_hold_again(struct started *s, uint32_t first, uint64_t blocks);
/* One of the claims that hold BLOCKS releases them; blocks held once become free. */
void started_release(struct started_pieces *p, struct started *s, uint32_t first, uint64_t blocks);

/* Bytes of all stored blocks. The last block of a piece, which may be shorter, counts as a whole
 * one while others of the piece are missing. O(started pieces). */
uint64_t started_stored_bytes(const struct started_pieces *p, const struct geometry *g);

#endif
