/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_STARTED_H
#define CONJURE_SRC_INTEREST_STARTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/base/id_map.h"
#include "conjure/piece/geometry.h"

/*
 * Started pieces: missing ones of which blocks are claimed or stored. Only these keep anything for
 * each block, three bits: it is stored, or held by one claim, or held by two, or free. BLOCKS is
 * always a set of up to 64 blocks: bit i is block FIRST + i. Pure; one thread at a time calls.
 */
struct claim_out;

struct started {
    uint32_t piece;
    uint32_t n_blocks;
    uint32_t n_stored;
    uint32_t n_free;
    uint32_t partial_at; /* index in started_pieces.partial while n_free > 0 */
    bool suspect;        /* it failed: only one peer may claim blocks of it */
    bool owned;          /* suspect, and OWNER is that peer */
    uint32_t owner;
    struct claim_out *claims; /* on this piece; belongs to claims.c */
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

/* BLOCKS are stored, whatever they were before. Returns those that were not stored already. Blocks
 * beyond the piece's end are ignored. */
uint64_t started_store(struct started_pieces *p, struct started *s, uint32_t first,
                       uint64_t blocks);

/* Free blocks of a piece that has some: from *FIRSTP, the first of them, on, within N_BLOCKS. */
uint64_t started_next_free(const struct started *s, uint32_t n_blocks, uint32_t *firstp);
/* BLOCKS, which are free, are held by one claim from now on. */
void started_hold(struct started_pieces *p, struct started *s, uint32_t first, uint64_t blocks);

/* Those of BLOCKS, which one claim or two hold, that only one holds. */
uint64_t started_held_once(const struct started *s, uint32_t first, uint64_t blocks);
/* BLOCKS, which one claim holds, are held by two. */
void started_hold_again(struct started *s, uint32_t first, uint64_t blocks);
/* One of the claims that hold BLOCKS holds them no more; those held once become free. */
void started_release(struct started_pieces *p, struct started *s, uint32_t first, uint64_t blocks);

/* Bytes of all stored blocks. The last block of a piece, which may be shorter, counts as a whole
 * one while others of the piece are missing. O(started pieces). */
uint64_t started_stored_bytes(const struct started_pieces *p, const struct geometry *g);

#endif
