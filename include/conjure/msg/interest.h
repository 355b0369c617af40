/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_INTEREST_H
#define CONJURE_MSG_INTEREST_H

#include "conjure/base/bitfield.h"
#include "conjure/msg/table.h"
#include "conjure/piece/claim.h"
#include "conjure/piece/piece_list.h"

struct peer_inbox;
struct torrent;

/* The inbox of InterestStat: which pieces we have, which peer has which, which blocks each fetches.
 * One for each torrent with missing pieces; it is closed when every wanted piece is verified and
 * all peers have read Completed. SuperSeeder has the same inbox. A peer is named by its number
 * (`id` of struct peer). */
/* clang-format off */
#define INTEREST_TABLE(INFO, QUERY, REPLY)                                                         \
    QUERY(interest, have_piece, HavePiece, "whether we may serve this piece to this peer",         \
          uint32_t peer; uint32_t piece; bool have; /* reply */)                                   \
    QUERY(interest, next_piece, NextPiece,                                                         \
          "claim blocks for this peer. Parked until there are free ones; the reply has "           \
          "claim.id 0 when the peer left or the torrent is complete",                              \
          uint32_t peer; uint32_t n_blocks; /* at most, 1 to CLAIM_BLOCKS_MAX */                   \
          struct claim claim; /* reply */)                                                         \
    INFO(interest, requested_from_seeder, RequestedFromSeeder,                                     \
         "the blocks of a claim were requested from a peer that has every piece",                  \
         uint32_t peer; uint64_t claim;)                                                           \
    INFO(interest, requested_from_leecher, RequestedFromLeecher,                                   \
         "the blocks of a claim were requested from a peer that downloads too",                    \
         uint32_t peer; uint64_t claim;)                                                           \
    INFO(interest, peer_joined, PeerJoined, "a peer and its pieces", uint32_t peer;                \
         uint64_t host; /* addr_host */                                                        \
         struct peer_inbox *inbox; /* valid until the reply to PeerLeft */                         \
         struct bitfield has; /* owned; empty when it has no piece yet */ bool has_all;            \
         uint32_t n_seen; /* verified pieces that our handshake announced */)                      \
    QUERY(interest, peer_left, PeerLeft,                                                           \
          "a peer has closed: the blocks of its claims become free. No message to it "             \
          "follows the reply", uint32_t peer;)                                                     \
    QUERY(interest, peer_got_piece, PeerGotPiece,                                                  \
          "a peer has more pieces: those of the list, of the bitfield, or all",                    \
          uint32_t peer; struct piece_list pieces;                                                 \
          struct bitfield has; /* owned by the asker, may be empty */ bool has_all;)               \
    QUERY(interest, peer_not_interested, PeerNotInterested,                                        \
          "super-seeding: a peer is not interested in us any more", uint32_t peer;)                \
    QUERY(interest, peer_lost_piece, PeerLostPiece, "a peer rejected requests of these pieces",    \
          uint32_t peer; struct piece_list pieces;)                                                \
    QUERY(interest, piece_suggested, PieceSuggested,                                               \
          "a peer suggests that we fetch these pieces from it", uint32_t peer;                     \
          struct piece_list pieces;)                                                               \
    INFO(interest, piece_completed, PieceCompleted, "from FS: a piece is on disk and verified",    \
         uint32_t piece;)                                                                          \
    INFO(interest, piece_failed, PieceFailed,                                                      \
         "from FS: a piece had the wrong hash, all its blocks are missing again",                  \
         uint32_t piece;)                                                                          \
    INFO(interest, blocks_stored, BlocksStored,                                                    \
         "from FS: blocks received for a claim are on disk",                                       \
         uint64_t claim; uint32_t piece; uint32_t first_block;                                     \
         uint64_t blocks; /* bit i is block first_block + i */)                                    \
    INFO(interest, claim_returned, ClaimReturned,                                                  \
         "a peer ends a claim: its blocks that are not on disk become free. "                      \
         "Not needed once BlocksStored has named all of them",                                     \
         uint32_t peer; uint64_t claim;)                                                           \
    QUERY(interest, progress, Progress, "numbers of verified bytes and of the peers' pieces",      \
          struct torrent *of; /* the asker's, untouched */                                         \
          uint64_t verified; uint64_t wanted; /* reply: bytes of wanted pieces */                  \
          uint64_t stored; /* reply: bytes on disk of missing pieces */                            \
          uint32_t n_verified; uint32_t n_peers; uint32_t n_seeders; /* reply */                   \
          double availability; /* reply: whole copies among the peers, plus the share of pieces    \
                                * with one more */)                                                \
    QUERY(interest, shutdown, Shutdown, "reply to all parked queries and end",                     \
          struct torrent *of; /* the asker's, untouched */)
/* clang-format on */

MSG_INBOX(interest, INTEREST_TABLE);

#endif
