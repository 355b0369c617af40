/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_PEER_IN_FLIGHT_H
#define CONJURE_SRC_PEER_IN_FLIGHT_H

#include <string.h>
#include <sys/uio.h>

#include "conjure/peer/scratch.h"
#include "conjure/peer/session_download.h"
#include "peer/message.h"

/*
 * The blocks that were requested and have not begun to arrive, in the order of the requests. Peers
 * nearly always answer in this order, so a block is usually taken from the front; one taken from
 * the middle leaves a hole, and holes are closed up when the ring is full. Pure; one thread at a
 * time.
 */

/* Twice as many as blocks can be in flight: closing up holes is then rare and cheap. */
#define IN_FLIGHT_SLOTS (2u * SESSION_IN_FLIGHT_MAX)
#define IN_FLIGHT_HOLE  0xff

struct in_flight_block {
    uint8_t *data; /* where it is to be received */
    uint32_t piece, begin, size;
    uint8_t claim; /* the session's number of its claim, or IN_FLIGHT_HOLE */
    uint8_t bit;   /* of the claim */
};

struct in_flight {
    uint32_t first,
        last; /* counters that wrap: slots are modulo IN_FLIGHT_SLOTS; FIRST is no hole */
    struct in_flight_block blocks[IN_FLIGHT_SLOTS];
};

/* Does not touch the slots: memory that is not used stays untouched. */
static inline void in_flight_init(struct in_flight *f)
{
    f->first = f->last = 0;
}

/* The slot of counter I in [first, last). */
static inline struct in_flight_block *in_flight_at(struct in_flight *f, uint32_t i)
{
    return &f->blocks[i % IN_FLIGHT_SLOTS];
}

/* The block that is answered next, or NULL when there is none. */
static inline struct in_flight_block *in_flight_first(struct in_flight *f)
{
    return f->first == f->last ? NULL : in_flight_at(f, f->first);
}

/* At the end of the order. The caller has at most SESSION_IN_FLIGHT_MAX of them. */
void in_flight_add(struct in_flight *f, const struct in_flight_block *block);
/* The block that a message with these fields answers, or NULL. */
struct in_flight_block *in_flight_find(struct in_flight *f, uint32_t piece, uint32_t begin,
                                       uint32_t size);
/* The block is answered or given up. */
void in_flight_remove(struct in_flight *f, struct in_flight_block *block);

/* Whether the N bytes of a message header from offset FROM on are those that precede BLOCK. */
static inline bool in_flight_header_is(const struct in_flight_block *block, const uint8_t *bytes,
                                       size_t from, size_t n)
{
    uint8_t expected[PIECE_HEADER];

    message_put_piece_header(expected, block->piece, block->begin, block->size);
    return memcmp(bytes, expected + from, n) == 0;
}

/* Points IOV at the headers (in X) and places of the next blocks, at most SCRATCH_AIMED_MAX of
 * them. Of the first header FROM bytes have arrived already. Returns the number of entries, and
 * adds their bytes to *N_BYTESP. */
unsigned in_flight_aim(struct in_flight *f, uint8_t from, struct session_scratch *x,
                       struct iovec *iov, size_t *n_bytesp);
/* N_BYTES were read from aimed header K on and are not those blocks: copies them to the end of the
 * scratch bytes, in the order of the stream. Exactly the blocks before K have been removed. */
void in_flight_gather(struct in_flight *f, struct session_scratch *x, unsigned k, size_t n_bytes);

#endif
