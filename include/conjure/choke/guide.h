/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CHOKE_GUIDE_H
#define CONJURE_CHOKE_GUIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/base/rng.h"

/*
 * The guide of a torrent that we seed: leads each leecher to a piece that no other was led to, so
 * that every piece leaves us once before any leaves us twice. A young swarm is as fast as that.
 * Leechers are told by SUGGEST PIECE (BEP 6), which they may follow or not; so what one begins to
 * take by itself counts as led to as well. Pure; one thread at a time.
 */
struct guide {
    struct bitfield led;
    uint32_t at; /* where to go on looking */
};
#define GUIDE_EMPTY ((struct guide){0})

/* Begins at a random piece: two seeds lead to different ones. 0 or -ENOMEM. */
int guide_init(struct guide *g, uint32_t n_pieces, struct rng *rng);
void guide_deinit(struct guide *g);

/* The next piece that nobody was led to; false when there is none. */
bool guide_next(struct guide *g, uint32_t *piecep);
/* PIECE leaves us, led to or not. */
void guide_began(struct guide *g, uint32_t piece);
/* Who was led to PIECE has gone without taking it: somebody else may. */
void guide_give_back(struct guide *g, uint32_t piece);
bool guide_is_over(const struct guide *g);

#endif
