/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_BOOKS_H
#define CONJURE_SRC_FS_BOOKS_H

#include "conjure/base/addr.h"
#include "conjure/base/bitfield.h"
#include "conjure/fs/piece_buffers.h"
#include "conjure/piece/geometry.h"
#include "conjure/piece/stored_blocks.h"

struct metainfo;

/*
 * Which pieces of a torrent are verified, partial or doubtful. A block is missing, being written,
 * or on disk. When all blocks of a piece are on disk the piece waits for its hash; then it is
 * verified, or all its blocks are missing again. Does not touch the disk. One thread at a
 * time: FS's, or the worker that opens the torrent.
 */
enum partial_state {
    PARTIAL_OPEN,    /* blocks are missing */
    PARTIAL_WAITING, /* all blocks are on disk; in the queue for its hash */
    PARTIAL_HASHING, /* a hash job has it */
};

/* The record of a piece that has blocks on disk, or being written, and is not verified. */
struct partial {
    uint32_t piece;
    uint32_t n_blocks, n_stored;
    enum partial_state state;
    struct partial *next; /* PARTIAL_WAITING: in the queue */
    uint8_t *buffer;      /* the whole piece as it was received, or NULL; see piece_buffers.h */
    uint64_t *on_disk;    /* one bit per block */
    uint64_t *writing;    /* the same */
    struct addr *from;    /* one per block: its sender; ADDR_NONE for a block of an earlier run */
};

struct books {
    const struct geometry *geometry; /* outlives the books */
    struct piece_buffers *buffers;   /* the same */
    struct bitfield verified;        /* pieces, wherever they are */
    struct bitfield have;            /* pieces verified and in their own slots */
    struct bitfield doubtful;        /* to be hashed by a check: pieces, or slots (compact) */
    /* The same, that could not be read: missing, until they are written or read again. */
    struct bitfield unreadable;
    struct partial **partials; /* one per piece: its record or NULL */
    struct partial *unhashed_first, *unhashed_last;
    uint32_t n_unhashed;
};
#define BOOKS_EMPTY ((struct books){0})

/* All pieces are missing. 0 or -ENOMEM. */
int books_init(struct books *b, const struct geometry *geometry, struct piece_buffers *buffers);
void books_deinit(struct books *b); /* safe twice */

/* The record of PIECE, made when there is none; NULL without memory. */
struct partial *books_add_partial(struct books *b, uint32_t piece);
/* Frees the record, if there is one. Its buffer goes back to the pool. */
void books_drop_partial(struct books *b, uint32_t piece);
enum piece_place {
    PIECE_IN_OWN_SLOT,   /* it can be served */
    PIECE_IN_OTHER_SLOT, /* not yet (compact) */
};
/* PIECE is on disk and correct; its record is dropped. */
void books_verify(struct books *b, uint32_t piece, enum piece_place place);

/* Those of the blocks FIRST_BLOCK + i, bit i of BLOCKS, that are neither on disk nor being
 * written. */
uint64_t partial_missing(const struct partial *p, uint32_t first_block, uint64_t blocks);
void partial_begin_write(struct partial *p, uint32_t first_block, uint64_t blocks);
/* The write of BLOCKS failed: they are missing again. */
void partial_fail_write(struct partial *p, uint32_t first_block, uint64_t blocks);
/* BLOCKS, which FROM sent, are on disk. After the last block the piece waits for its hash. */
void books_end_write(struct books *b, struct partial *p, uint32_t first_block, uint64_t blocks,
                     const struct addr *from);
/* A block that was on disk before this run. */
void partial_add_block(struct partial *p, uint32_t block);

/* No peer sends the padding of a piece: it counts as on disk, and as sent by FROM (NULL: in an
 * earlier run), who sends the first blocks. */
void partial_add_padding(struct partial *p, const struct metainfo *meta, const struct addr *from);

/* Removes P, the successor of PREVIOUS (NULL: the first), from the queue of those that wait. */
void books_unqueue(struct books *b, struct partial *previous, struct partial *p);

/* All blocks of partial pieces that are on disk, and of verified ones that are not in their own
 * slots yet. *STOREDP is the caller's, and is empty on failure. 0 or -ENOMEM. */
int books_list_stored(const struct books *b, struct stored_blocks *storedp);

#endif
