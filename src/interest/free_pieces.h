/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_FREE_PIECES_H
#define CONJURE_SRC_INTEREST_FREE_PIECES_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/base/rng.h"

/*
 * The pieces that a super-seed may offer. A piece is free when no offer holds it and only peers
 * that it is offered to have it: an offer ends as soon as another peer has the piece. Pure; one
 * thread at a time calls. All but init are O(1), pick is O(1) as a rule.
 */
struct free_pieces {
    uint32_t n_pieces;
    uint32_t *n_have;   /* by piece: peers that have it */
    uint32_t *n_offers; /* by piece: offers that have not ended */
    uint32_t *n_held;   /* by piece: those of them that hold it */
    uint32_t *index;    /* by piece: its place in `free`, or FREE_PIECE_NONE */
    uint32_t *free;
    uint32_t n_free;
};
#define FREE_PIECES_EMPTY ((struct free_pieces){0})
#define FREE_PIECE_NONE   UINT32_MAX

/* All pieces are free. 0 or -ENOMEM. */
int free_pieces_init(struct free_pieces *f, uint32_t n_pieces);
void free_pieces_deinit(struct free_pieces *f); /* safe twice */

/* A peer that joined or stays has the piece; a peer with the piece has left. */
void free_pieces_peer_has(struct free_pieces *f, uint32_t piece);
void free_pieces_peer_left(struct free_pieces *f, uint32_t piece);

/* An offer of the piece begins and holds it; the offer releases the piece; the offer ends. */
void free_pieces_begin_offer(struct free_pieces *f, uint32_t piece);
void free_pieces_release(struct free_pieces *f, uint32_t piece);
void free_pieces_end_offer(struct free_pieces *f, uint32_t piece);

/* A random free piece that is not in EXCEPT; FREE_PIECE_NONE when there is none. */
uint32_t free_pieces_pick(const struct free_pieces *f, const struct bitfield *except,
                          struct rng *rng);

#endif
