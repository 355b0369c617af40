/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_PEER_DOWNLOAD_H
#define CONJURE_SRC_PEER_DOWNLOAD_H

#include "conjure/peer/session.h"
#include "peer/depth.h"
#include "peer/in_flight.h"

/* The functions of session_download.c for session_parse.c and session_read.c. */

struct download {
    uint32_t claims_used, claims_done; /* a bit for each claim; done: to be reported */
    uint32_t n_in_flight;              /* blocks: those of in_flight and the one that arrives */
    /* The block that arrives, while the parser is in STATE_BLOCK. */
    uint8_t into_claim, into_bit;
    uint8_t *into;
    uint64_t block_ns; /* last block received, or first request after none was in flight */
    struct depth depth;
    /* Nothing below is cleared in advance: memory that is not used stays untouched. */
    struct session_claim claims[SESSION_CLAIMS_MAX];
    struct in_flight in_flight;
};

/* The requested block that this message answers, or NULL. */
struct in_flight_block *session_find_block(struct session *s, uint32_t piece, uint32_t begin,
                                           uint32_t size);
/* The payload of BLOCK begins, and GOT bytes of it are in place: it leaves in_flight. The parser is
 * then in STATE_BLOCK, or in STATE_HEAD when that was all. */
void session_begin_block(struct session *s, struct in_flight_block *block, uint32_t got,
                         uint64_t now);
/* N more bytes of the block that arrives are in place. */
void session_fill_block(struct session *s, uint32_t n, uint64_t now);
/* BLOCK will not arrive; its claim is done when it was the last. */
void session_lose_block(struct session *s, struct in_flight_block *block);
/* None of them will arrive (a choke without BEP 6). */
void session_lose_all_blocks(struct session *s);
/* A message about N_BYTES of content that we did not request: whether it was one too many. */
bool session_charge_unasked(struct session *s, uint32_t n_bytes);
/* The next claim to be reported; false when there is none. */
bool session_take_done_claim(struct session *s, struct session_claim *claimp);

#endif
