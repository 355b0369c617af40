/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_INTEREST_SUPER_SEED_H
#define CONJURE_INTEREST_SUPER_SEED_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/base/rng.h"

/*
 * Super-seeding (BEP 16): chooses the piece that a seed, which hides its pieces, offers to each
 * peer, so that it sends every piece once before it sends any twice. Pure: `now` in ns, no thread;
 * one thread at a time calls. Peers that have not joined are ignored. The rules are at the top of
 * super_seed.c.
 */
struct super_seed;

struct super_seed_offer {
    uint32_t peer;
    void *user; /* as given when the peer joined */
    uint32_t piece;
};

/* PIECE_LENGTH in bytes. RNG is the caller's and outlives it. NULL when memory is short. */
struct super_seed *super_seed_new(uint32_t n_pieces, uint32_t piece_length, struct rng *rng,
                                  uint64_t now);
void super_seed_free(struct super_seed *s); /* NULL is fine */

/* USER stands in the offers to the peer, HOST is the key of its host (addr_host). */
struct super_seed_peer {
    uint32_t peer;
    void *user;
    uint64_t host;
};

/* HAS is only read; without bytes the peer has no piece yet, or all of them if HAS_ALL. The peer
 * must not have joined already. 0, or -ENOMEM: the peer has not joined and gets no offers. */
int super_seed_joined(struct super_seed *s, const struct super_seed_peer *peer,
                      const struct bitfield *has, bool has_all, uint64_t now);
void super_seed_left(struct super_seed *s, uint32_t peer);
void super_seed_got_piece(struct super_seed *s, uint32_t peer, uint32_t piece, uint64_t now);
/* The same for each piece of HAS, or for every piece if HAS is NULL. */
void super_seed_got_pieces(struct super_seed *s, uint32_t peer, const struct bitfield *has,
                           uint64_t now);
/* The peer is not interested in us any more: it has every piece that it requested. Many clients
 * send no HAVE to a peer that has the piece, so this may be the only sign. */
void super_seed_not_interested(struct super_seed *s, uint32_t peer, uint64_t now);
/* The peer requests blocks of PIECE. Returns whether it was offered that piece. */
bool super_seed_requested(struct super_seed *s, uint32_t peer, uint32_t piece, uint64_t now);

/* About once a second. */
void super_seed_tick(struct super_seed *s, uint64_t now);

/* Takes the next offer that the calls so far queued, in order; false when there is none. Take all
 * before a peer is freed. */
bool super_seed_next(struct super_seed *s, struct super_seed_offer *offerp);

/* Whether super-seeding is over: another copy exists, or no peer passes pieces on. */
bool super_seed_is_over(const struct super_seed *s);
/* Whether another copy exists, by the rule in super_seed.c; its peer may have left since. */
bool super_seed_has_copy(const struct super_seed *s);

uint32_t super_seed_n_peers(const struct super_seed *s);

#endif
