/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_INTEREST_TABLE_H
#define CONJURE_INTEREST_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/base/rng.h"
#include "conjure/msg/interest.h" /* struct claim */
#include "conjure/piece/geometry.h"
#include "conjure/piece/stored_blocks.h"

/*
 * The InterestTable of one torrent: which pieces we have, which peer has which, and who fetches
 * what. Pure: no thread, no clock. One thread at a time calls. What it says about peers comes from
 * our own sessions, which have checked the strangers' numbers; so numbers out of range are
 * asserted.
 *
 * A peer is interesting while it has a wanted piece that we lack. A claim is a run of up to
 * CLAIM_BLOCKS_MAX blocks of one piece that one peer fetches. Outside endgame a block is in one
 * claim at most, in endgame in two.
 */
struct interest_table;

enum interest_effect_kind {
    INTEREST_BEGINS, /* the peer has something that we want */
    INTEREST_ENDS,
    INTEREST_CANCEL, /* the peer need not fetch these blocks any more */
};

/* What the table wants a peer to be told. */
struct interest_effect {
    enum interest_effect_kind kind;
    uint32_t peer;
    void *user;     /* as given when the peer joined */
    uint32_t piece; /* of INTEREST_CANCEL, with the next two */
    uint32_t first_block;
    uint64_t blocks; /* bit i is block first_block + i */
};

struct interest_numbers {
    uint64_t verified, wanted; /* bytes of wanted pieces: verified, in all */
    uint64_t stored;           /* bytes on disk of wanted pieces that are not verified */
    uint32_t n_verified;       /* pieces, wanted or not */
    uint32_t n_peers, n_seeders;
    double availability; /* whole copies among the peers, and the share of pieces above */
};

/* HAVE is taken over and left empty. WANTED is copied; without bytes it means all. RNG is the
 * caller's and outlives the table. NULL when memory is short (HAVE is then untouched). */
struct interest_table *interest_table_new(const struct geometry *g, const struct bitfield *wanted,
                                          struct bitfield *have, struct rng *rng);
void interest_table_free(struct interest_table *t); /* NULL is fine */

/* Blocks of missing pieces that are on disk from an earlier run: they are not claimed any more, and
 * their pieces count as started. Before the first peer joins. A piece that memory is short for, or
 * that we have or do not want, is passed over. */
void interest_table_add_stored(struct interest_table *t, const struct stored_blocks *stored);

/* --- peers ----------------------------------------------------------------------------------- */

/* HAS is taken over and left empty; without bytes it means nothing yet. O(pieces set), or O(1) for
 * a peer that has all. The peer must not have joined already. */
void interest_table_peer_joined(struct interest_table *t, uint32_t peer, void *user,
                                struct bitfield *has, bool has_all);
/* Its claims that are still out are returned with nothing stored. Nothing happens when unknown. */
void interest_table_peer_left(struct interest_table *t, uint32_t peer);
/* Whether that makes the peer useful in a way it was not. A second time, or of an unknown peer,
 * nothing happens. */
bool interest_table_peer_got_piece(struct interest_table *t, uint32_t peer, uint32_t piece);
void interest_table_peer_lost_piece(struct interest_table *t, uint32_t peer, uint32_t piece);

/* The peer would have us take this piece from it (BEP 6). Only breaks ties: see next_piece. */
void interest_table_suggested(struct interest_table *t, uint32_t peer, uint32_t piece);

/* The user pointers of all peers that lack PIECE, one a call; NULL after the last. *CURSORP starts
 * at 0. Peers do not join or leave meanwhile. */
void *interest_table_next_lacking(const struct interest_table *t, uint32_t piece,
                                  uint32_t *cursorp);

/* --- pieces ---------------------------------------------------------------------------------- */

bool interest_table_have_piece(const struct interest_table *t, uint32_t piece);
/* On disk and verified. False when we had it already. */
bool interest_table_piece_completed(struct interest_table *t, uint32_t piece);
/* Wrong hash: all its blocks are missing again and it is suspect: from now on one peer alone gets
 * its claims, so that the next verdict is about that peer. */
void interest_table_piece_failed(struct interest_table *t, uint32_t piece);
/* Every wanted piece is verified. */
bool interest_table_is_complete(const struct interest_table *t);
uint32_t interest_table_n_verified(const struct interest_table *t);

/* --- claims ---------------------------------------------------------------------------------- */

/* What PEER shall fetch next: at most N_BLOCKS (1 to CLAIM_BLOCKS_MAX) blocks of a piece that is
 * started, or of a new one if it has one that is rarer: a random one while we have fewer than four,
 * then the rarest; among equals one that the peer suggested, or a random one. In endgame, blocks
 * that somebody else is fetching. A fast peer (N_BLOCKS is CLAIM_BLOCKS_MAX) would rather begin a
 * piece than collect crumbs. False: nothing now. */
bool interest_table_next_piece(struct interest_table *t, uint32_t peer, uint32_t n_blocks,
                               struct claim *claimp);
/* From whom the blocks of a claim are requested: endgame doubts the leechers first. */
void interest_table_requested(struct interest_table *t, uint32_t peer, uint64_t claim,
                              bool from_seeder);
/* BLOCKS (bit i is FIRST_BLOCK + i) are on disk, received for CLAIM: nobody claims them any more.
 * Other claims that hold them get cancels. Comes before the claim is returned, and before the
 * verdict on the piece. Blocks that are stored already, and pieces that are not missing, are
 * ignored. */
void interest_table_blocks_stored(struct interest_table *t, uint64_t claim, uint32_t piece,
                                  uint32_t first_block, uint64_t blocks);
/* PEER is done with a claim: what it still holds becomes free, unless another claim holds it as
 * well. A claim that holds nothing more is ended already: returning it is optional, and has no
 * effect. */
void interest_table_claim_returned(struct interest_table *t, uint32_t peer, uint64_t claim);
/* Changes whenever a peer that got nothing from next_piece may now get something for a reason that
 * is not its own (its own: interest_table_peer_got_piece). */
uint64_t interest_table_generation(const struct interest_table *t);

/* --- what comes out -------------------------------------------------------------------------- */

/* Effects of the calls so far, in order. To be taken before the peer concerned leaves. */
bool interest_table_next_effect(struct interest_table *t, struct interest_effect *effectp);
struct interest_numbers interest_table_progress(const struct interest_table *t); /* O(pieces) */
uint32_t interest_table_availability(const struct interest_table *t, uint32_t piece);

#endif
