/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_INTEREST_SUPER_SEED_H
#define CONJURE_INTEREST_SUPER_SEED_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/base/rng.h"

/*
 * Super-seeding (BEP 16): which piece is offered to whom by a seed that shows nothing of what it has, so
 * that every piece leaves it once before any leaves it twice. Pure: `now` in ns, no thread. One thread
 * at a time calls. The rules are at the top of super_seed.c.
 */
struct super_seed;

struct super_seed_offer {
    uint32_t peer;
    void *user; /* as given when the peer joined */
    uint32_t piece;
};

/* RNG is the caller's and outlives it. NULL when memory is short. */
struct super_seed *super_seed_new(uint32_t n_pieces, uint32_t piece_length, struct rng *rng,
                                  uint64_t now);
void super_seed_free(struct super_seed *s); /* NULL is fine */

/* HAS is read only; without bytes, and without HAS_ALL, the peer has nothing yet. It must not have
 * joined already. 0, or -ENOMEM: then it gets nothing. */
int super_seed_joined(struct super_seed *s, uint32_t peer, void *user, const struct bitfield *has,
                      bool has_all, uint64_t now);
/* These do nothing for a peer that has not joined. */
void super_seed_left(struct super_seed *s, uint32_t peer);
void super_seed_got_piece(struct super_seed *s, uint32_t peer, uint32_t piece, uint64_t now);
/* The peer wants nothing of us any more: it has all that it asked for, whether it said so or not (many
 * clients do not tell a peer of a piece that it has itself). */
void super_seed_sated(struct super_seed *s, uint32_t peer, uint64_t now);
/* The peer asks for PIECE: whether it was offered that. */
bool super_seed_asked(struct super_seed *s, uint32_t peer, uint32_t piece, uint64_t now);

/* About once a second. */
void super_seed_tick(struct super_seed *s, uint64_t now);

/* What is to be offered after the calls so far, in order. To be taken before the peer leaves. */
bool super_seed_next(struct super_seed *s, struct super_seed_offer *offerp);

/* There is nothing to gain any more: somebody else has everything, or nobody passes anything on. */
bool super_seed_is_over(const struct super_seed *s);
/* Somebody else has had everything. */
bool super_seed_has_copy(const struct super_seed *s);

uint32_t super_seed_n_peers(const struct super_seed *s);

#endif
