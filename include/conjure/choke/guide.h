/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CHOKE_GUIDE_H
#define CONJURE_CHOKE_GUIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/base/rng.h"

/*
 * The guide of a torrent that we seed. It chooses a different piece for each leecher, so that we
 * send every piece once before we send any twice. Until every piece was sent once, our uplink
 * limits the speed of the swarm.
 * Leechers learn of the choice by SUGGEST PIECE (BEP 6), which they need not follow; so a piece
 * that a leecher requests without a suggestion counts as sent too. Pure. One thread at a time.
 */
struct guide {
    struct bitfield used; /* pieces that were suggested or sent */
    struct bitfield sent; /* those of them that were sent: no suggestion of them is taken back */
    uint32_t at;          /* where the next search begins */
};
#define GUIDE_EMPTY ((struct guide){0})

/* Begins at a random piece, so that two seeds suggest different ones. Returns 0 or -ENOMEM. */
int guide_init(struct guide *g, uint32_t n_pieces, struct rng *rng);
void guide_deinit(struct guide *g); /* safe twice */

/* Takes the next unused piece and marks it used; false when there is none. */
bool guide_next(struct guide *g, uint32_t *piecep);
/* PIECE is being sent, suggested or not: it stays used. */
void guide_mark_sent(struct guide *g, uint32_t piece);
/* The leecher to which PIECE was suggested left, or was choked, before it requested PIECE: PIECE is
 * unused again, unless it was sent to another leecher. */
void guide_take_back(struct guide *g, uint32_t piece);
/* Whether all pieces are used. */
bool guide_is_over(const struct guide *g);

#endif
