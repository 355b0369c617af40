/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_PEER_DOWNLOAD_H
#define CONJURE_SRC_ACTORS_PEER_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

struct fs_store_blocks;
struct interest_next_piece;
struct peer;
struct session_claim;

#define PEER_REFUSALS     16
#define PEER_SPARE        48  /* buffers that are kept at most, */
#define PEER_SPARE_BLOCKS 640 /* and blocks that they may hold together */

struct peer_download {
    uint8_t *spare[PEER_SPARE]; /* used claim buffers: fresh memory is slow */
    unsigned n_spare;
    uint64_t pause_ns;    /* no block is claimed for this peer before */
    bool snubbed;         /* no block arrived for a minute, nor since */
    uint64_t snubbed_at;  /* content received by then */
    struct peer_refusal { /* pieces of which it refused blocks lately */
        uint32_t piece;
        uint64_t at_ns; /* the first time; 0: a free place */
    } refusals[PEER_REFUSALS];
    unsigned n_refusals;
};

/* Asks InterestStat for claims, for as many blocks as the session wants. Only with p->work. */
void peer_download_ask(struct peer *p, uint64_t now);
/* The reply of InterestStat: requests the blocks of the claim. Takes M. */
void peer_download_claimed(struct peer *p, struct interest_next_piece *m);
/* C is done: sends the received blocks to FS, or returns a claim without any to InterestStat. */
void peer_download_store(struct peer *p, struct session_claim *c);
/* The reply of FS. Takes M. */
void peer_download_stored(struct peer *p, struct fs_store_blocks *m);
/* Ends all claims, as peer_download_store does. */
void peer_download_drop_claims(struct peer *p);

/* The far end refused a block of PIECE, although it does not choke us. */
void peer_download_refused(struct peer *p, uint32_t piece, uint64_t now);
/* Once a second. When none of the blocks in flight arrives for a minute, the peer loses its claims;
 * when that happens again after a pause, this returns negative. Only with p->work. */
int peer_download_tick(struct peer *p, uint64_t now);

/* Frees the spare buffers. Only with p->work. */
void peer_download_end(struct peer *p);

#endif
