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
 * that a leecher requests without a suggestion counts as used too. Pure. One thread at a time.
 */
struct guide {
    struct bitfield used; /* pieces that were suggested or sent */
    uint32_t at;          /* where the next search begins */
};
#define GUIDE_EMPTY ((struct guide){0})

/* Begins at a random piece, so that two seeds suggest different ones. Returns 0 or -ENOMEM. */
int guide_init(struct guide *g, uint32_t n_pieces, struct rng *rng);
void guide_deinit(struct guide *g); /* safe twice */

/* Takes the next unused piece and marks it used; false when there is none. */
bool guide_next(struct guide *g, uint32_t *piecep);
/* PIECE is being sent, suggested or not: marks it used. */
void guide_mark_used(struct guide *g, uint32_t piece);
/* PIECE was suggested to a leecher that left without requesting it: marks it unused. */
void guide_mark_unused(struct guide *g, uint32_t piece);
/* Whether all pieces are used. */
bool guide_is_over(const struct guide *g);

#endif
