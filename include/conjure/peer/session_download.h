/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PEER_SESSION_DOWNLOAD_H
#define CONJURE_PEER_SESSION_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/piece/claim.h"

/*
 * Downloading over a session: the driver adds claims, the session requests their blocks, receives
 * them into the claims' buffers and reports each claim by SESSION_CLAIM_DONE when none of its
 * blocks is in flight any more. A block is in flight from its request until it has arrived whole,
 * was rejected, cancelled, or lost by a choke.
 */
#define SESSION_IN_FLIGHT_MAX 512 /* blocks */
#define SESSION_CLAIMS_MAX    32
#define SESSION_SNUBBED_NS    (UINT64_C(60) * 1000000000) /* blocks in flight, none arrived */

struct session;

struct session_claim {
    struct claim claim;
    uint8_t *data;      /* n_blocks blocks at steps of BLOCK_SIZE; the driver lends it */
    uint64_t in_flight; /* blocks, as in claim.blocks */
    uint64_t received;  /* the same */
};

/* How many blocks to claim now to keep the peer busy: as many in flight as it sends in a second,
 * between 4 and SESSION_IN_FLIGHT_MAX / 2, and no more than it queues. Asks for blocks in batches:
 * 0 while more than half of that is in flight. Also 0 while choked, or when there is no room. */
uint32_t session_blocks_wanted(struct session *s, uint64_t now);

/* Requests the blocks of CLAIM, to be received into DATA; for claims of at most as many blocks as
 * session_blocks_wanted returned. When the peer has choked us since, nothing is requested, and the
 * claim is done at the next event. 0; -ENOMEM; or SESSION_FULL, and claim and data stay the
 * caller's. */
enum {
    SESSION_FULL = 1, /* no room for this claim */
};
int session_add_claim(struct session *s, const struct claim *claim, uint8_t *data, uint64_t now);

/* Cancels those of these blocks that are in flight (BEP 3, endgame): bit i of BLOCKS is block
 * first_block + i of PIECE. A claim that ends by this is reported at the next event. */
void session_cancel(struct session *s, uint32_t piece, uint32_t first_block, uint64_t blocks);

/* Takes back any one claim, done or not; false when there is none. For closing. */
bool session_drop_claim(struct session *s, struct session_claim *claimp);

/* Blocks in flight. */
uint32_t session_n_in_flight(const struct session *s);
/* Blocks are in flight and none has arrived for SESSION_SNUBBED_NS. */
bool session_is_snubbed(const struct session *s, uint64_t now);

#endif
