/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_INTEREST_TABLE_H
#define CONJURE_INTEREST_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/base/rng.h"
#include "conjure/interest/effects.h"
#include "conjure/piece/claim.h"
#include "conjure/piece/geometry.h"
#include "conjure/piece/stored_blocks.h"

/*
 * The InterestTable of one torrent: which pieces we have, which peer has which, and which blocks
 * each peer fetches. Pure: no thread, no clock; one thread at a time calls. The callers are our own
 * sessions and FS, which have checked all numbers, so ranges are asserted. A peer that has not
 * joined is ignored.
 *
 * A peer is interesting while it has a missing piece, one that is wanted and not verified. A claim
 * is a run of up to CLAIM_BLOCKS_MAX blocks of one piece that one peer fetches. Outside endgame a
 * block is in one claim at most, in endgame in two.
 */
struct interest_table;

struct interest_numbers {
    uint64_t verified, wanted; /* bytes of wanted pieces: verified, in all */
    uint64_t stored;           /* bytes on disk of missing pieces */
    uint32_t n_verified;       /* pieces, wanted or not */
    uint32_t n_peers, n_seeders;
    double availability; /* whole copies among the peers, plus the share of pieces with one more */
};

/* HAVE is taken over and left empty. WANTED is copied; without bytes it means all pieces. RNG is
 * the caller's and outlives the table. NULL when memory is short; HAVE is untouched then. */
struct interest_table *interest_table_new(const struct geometry *g, const struct bitfield *wanted,
                                          struct bitfield *have, struct rng *rng);
void interest_table_free(struct interest_table *t); /* NULL is fine */

/* Which of the 64 blocks of PIECE from FIRST_BLOCK on are padding: bit i is FIRST_BLOCK + i. They
 * are never claimed, and count as stored once the piece is started. */
typedef uint64_t padding_of(const void *user, uint32_t piece, uint32_t first_block);
/* Before anything else. Without this call no block is padding. USER outlives the table. */
void interest_table_set_padding(struct interest_table *t, padding_of *padding, const void *user);

/* Adds blocks that an earlier run of the program left on disk: they are not claimed, and their
 * pieces count as started. Call it before the first peer joins. A piece that is not missing, or for
 * which memory is short, is skipped. */
void interest_table_add_stored(struct interest_table *t, const struct stored_blocks *stored);

/* --- peers ----------------------------------------------------------------------------------- */

/* HAS is taken over and left empty; without bytes the peer has no piece yet, or all of them if
 * HAS_ALL. O(pieces that it has), or O(1) for all. The peer must not have joined already. */
void interest_table_peer_joined(struct interest_table *t, uint32_t peer, void *user,
                                struct bitfield *has, bool has_all);
/* Also returns its claims. */
void interest_table_peer_left(struct interest_table *t, uint32_t peer);
/* Returns whether the peer may now get a claim: the piece is missing, and new for the peer. */
bool interest_table_peer_got_piece(struct interest_table *t, uint32_t peer, uint32_t piece);
/* The same for each piece of HAS, or for every piece if HAS is NULL. What the peer had before costs
 * a step for eight pieces, and nothing if it had all. */
bool interest_table_peer_got_pieces(struct interest_table *t, uint32_t peer,
                                    const struct bitfield *has);
void interest_table_peer_lost_piece(struct interest_table *t, uint32_t peer, uint32_t piece);

/* The peer suggests that we fetch this piece from it (BEP 6): next_piece prefers it to equally rare
 * ones. */
void interest_table_suggested(struct interest_table *t, uint32_t peer, uint32_t piece);

/* Iterates over the peers that do not have PIECE: one user pointer for each call, NULL after the
 * last. *CURSORP starts at 0. No peer joins or leaves between the calls. */
void *interest_table_next_peer_without(const struct interest_table *t, uint32_t piece,
                                       uint32_t *cursorp);

/* --- pieces ---------------------------------------------------------------------------------- */

/* Whether the piece is verified. */
bool interest_table_have_piece(const struct interest_table *t, uint32_t piece);
/* The piece is verified. False when it was already. */
bool interest_table_piece_completed(struct interest_table *t, uint32_t piece);
/* The piece has the wrong hash: all its blocks are missing again. The piece becomes suspect: only
 * one peer gets claims on it, so that the next hash is about that peer. */
void interest_table_piece_failed(struct interest_table *t, uint32_t piece);
/* Whether every wanted piece is verified. */
bool interest_table_is_complete(const struct interest_table *t);

/* --- claims ---------------------------------------------------------------------------------- */

/* Claims the blocks that PEER fetches next: at most N_BLOCKS (1 to CLAIM_BLOCKS_MAX) free blocks of
 * a piece. A started piece is preferred, unless the peer has a rarer one that is not started; a
 * fast peer (N_BLOCKS is CLAIM_BLOCKS_MAX) prefers a new piece to the last few blocks of one. New
 * pieces are random while we have fewer than four, then the rarest; equally rare ones are random,
 * suggested ones first. In endgame, or of an overdue claim: blocks that another peer is fetching.
 * False when there are none now. */
bool interest_table_next_piece(struct interest_table *t, uint32_t peer, uint32_t n_blocks,
                               struct claim *claimp);

enum claim_source {
    CLAIM_FROM_LEECHER, /* or not requested yet */
    CLAIM_FROM_SEEDER,
};
/* The blocks of a claim are requested. In endgame, claims from leechers are shared first. */
void interest_table_requested(struct interest_table *t, uint32_t peer, uint64_t claim,
                              enum claim_source source);

/* BLOCKS (bit i is FIRST_BLOCK + i) are on disk, received for CLAIM: they are not claimed any more.
 * Peers of other claims that hold them get INTEREST_CANCEL. Call it before the claim is returned,
 * and before the piece completes or fails. Blocks that are stored already, and pieces that are not
 * missing, are ignored. */
void interest_table_blocks_stored(struct interest_table *t, uint64_t claim, uint32_t piece,
                                  uint32_t first_block, uint64_t blocks);
/* PEER does not fetch a claim any more: the blocks that it still holds become free, unless another
 * claim holds them as well. A claim ends with its last block; returning it after that is
 * unnecessary and has no effect. */
void interest_table_claim_returned(struct interest_table *t, uint32_t peer, uint64_t claim);

/* The time of the calls that follow, in ns; 0 until the first call. Once a second it looks for
 * claims that are overdue: their blocks may then be claimed by a second peer, and after both by
 * another one. To be called once a second while a peer waits for blocks. O(claims). */
void interest_table_tick(struct interest_table *t, uint64_t now);

/* Changes whenever a peer for which next_piece returned false may now get a claim, for any reason
 * but interest_table_peer_got_piece(s). */
uint64_t interest_table_generation(const struct interest_table *t);

/* --- results --------------------------------------------------------------------------------- */

/* Takes the next effect of the calls so far, in order; false when there is none. Take all before a
 * peer is freed. */
bool interest_table_next_effect(struct interest_table *t, struct interest_effect *effectp);
struct interest_numbers interest_table_progress(const struct interest_table *t); /* O(pieces) */

#endif
