/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_INTEREST_H
#define CONJURE_MSG_INTEREST_H

#include "conjure/base/bitfield.h"
#include "conjure/msg/table.h"
#include "conjure/piece/claim.h"

struct peer_inbox;
struct torrent;

/* The inbox of InterestStat: which pieces we have, who has which, who fetches what. One per torrent
 * that lacks pieces; closed once no wanted piece lacks and all peers know it.
 * A peer is named by its number (struct peer, `id`). */
/* clang-format off */
#define INTEREST_TABLE(INFO, QUERY, REPLY)                                                          \
    QUERY(interest, have_piece, HavePiece, "do we have this piece, verified, for this peer?",      \
          uint32_t peer; uint32_t piece; bool have; /* reply */)                                                                  \
    QUERY(interest, next_piece, NextPiece,                                                         \
          "what shall this peer fetch next? Parked until there is something; comes home with "     \
          "claim.id 0 when the peer left or the torrent is complete",                              \
          uint32_t peer; uint32_t n_blocks; /* at most, 1 to CLAIM_BLOCKS_MAX */                   \
          struct claim claim; /* reply */)                                                         \
    INFO(interest, requested_from_seeder, RequestedFromSeeder,                                     \
         "the blocks of a claim are requested now, from a peer that has everything",               \
         uint32_t peer; uint64_t claim;)                                                           \
    INFO(interest, requested_from_leecher, RequestedFromLeecher,                                   \
         "the blocks of a claim are requested now, from a peer that is fetching itself",           \
         uint32_t peer; uint64_t claim;)                                                           \
    INFO(interest, peer_joined, PeerJoined, "a peer, and what it has", uint32_t peer;              \
         struct peer_inbox *inbox; /* valid until PeerLeft is home */                              \
         struct bitfield has; /* owned; empty when it has nothing yet */ bool has_all;             \
         uint32_t n_seen; /* how many verified pieces it was told of in its handshake */)          \
    QUERY(interest, peer_left, PeerLeft,                                                           \
          "a peer is gone; its claims must have been returned. Home: no message follows",          \
          uint32_t peer;)                                                                          \
    INFO(interest, peer_got_piece, PeerGotPiece, "a peer has one piece more", uint32_t peer;       \
         uint32_t piece;)                                                                          \
    INFO(interest, peer_sated, PeerSated, "super-seeding: a peer wants nothing of what it was offered", \
         uint32_t peer;)                                                                           \
    INFO(interest, peer_lost_piece, PeerLostPiece, "a peer does not give this piece after all",    \
         uint32_t peer; uint32_t piece;)                                                           \
    INFO(interest, piece_suggested, PieceSuggested,                                                \
         "a peer would have us take this piece from it", uint32_t peer; uint32_t piece;)           \
    INFO(interest, piece_completed, PieceCompleted, "a piece is on disk and verified",             \
         uint32_t piece;)                                                                          \
    INFO(interest, piece_failed, PieceFailed, "a piece had the wrong hash: all of it is missing",  \
         uint32_t piece;)                                                                          \
    INFO(interest, blocks_stored, BlocksStored,                                                    \
         "from FS: blocks received for a claim are on disk",                                       \
         uint64_t claim; uint32_t piece; uint32_t first_block;                                     \
         uint64_t blocks; /* bit i is block first_block + i */)                                    \
    INFO(interest, claim_returned, ClaimReturned,                                                  \
         "a peer is done with a claim: blocks of it that are not on disk may be claimed again. "   \
         "Not needed once BlocksStored has named all of them",                                     \
         uint32_t peer; uint64_t claim;)                                                           \
    QUERY(interest, progress, Progress, "how far are we?",                                         \
          struct torrent *of; /* the asker's, untouched */                                         \
          uint64_t verified; uint64_t wanted; /* reply: bytes of wanted pieces */                  \
          uint64_t stored; /* reply: bytes on disk of other wanted pieces */                       \
          uint32_t n_verified; uint32_t n_peers; uint32_t n_seeders;                               \
          double availability; /* whole copies among the peers, and the share of pieces above */)  \
    QUERY(interest, shutdown, Shutdown, "send all parked queries home and end",           \
          struct torrent *of; /* the asker's, untouched */)
/* clang-format on */

MSG_INBOX(interest, INTEREST_TABLE);

#endif
