/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_PEER_H
#define CONJURE_MSG_PEER_H

#include "conjure/msg/bandwidth.h"
#include "conjure/msg/choker.h"
#include "conjure/msg/fs.h"
#include "conjure/msg/interest.h"
#include "conjure/msg/table.h"

/* The inbox of one connection, whether its own thread drives it or the Lobby. */
/* clang-format off */
#define PEER_TABLE(INFO, QUERY, REPLY)                                                             \
    INFO(peer, have, Have, "a piece is verified: send HAVE", uint32_t piece;)                      \
    INFO(peer, choke, Choke, "do not serve this peer", )                                           \
    INFO(peer, unchoke, Unchoke, "serve this peer",                                                \
         bool guided; /* send Choker.Began for pieces it requests, until Unguided */)              \
    INFO(peer, suggest, Suggest, "suggest this piece to it", uint32_t piece;)                      \
    INFO(peer, unguided, Unguided, "every piece was sent once: stop sending Choker.Began", )       \
    INFO(peer, interest, Interest, "whether this peer has a piece that we miss",                   \
         bool interested;)                                                                         \
    INFO(peer, completed, Completed,                                                               \
         "we have every wanted piece: notify the peer, and stop using InterestStat",               \
         const struct bitfield *have; /* our pieces, owned by the Lobby; NULL: all */)             \
    INFO(peer, cancel_blocks, CancelBlocks, "endgame: another peer was faster with these blocks",  \
         uint32_t piece; uint32_t first_block; uint64_t blocks; /* bit i is first_block + i */)    \
    INFO(peer, yield, Yield, "other peers wait for a thread: end yours when idle", )               \
    INFO(peer, shutdown, Shutdown, "close the connection and return to the Lobby", )               \
    REPLY(peer, interest, have_piece)                                                              \
    REPLY(peer, interest, next_piece)                                                              \
    REPLY(peer, interest, peer_left)                                                               \
    REPLY(peer, interest, peer_got_piece)                                                          \
    REPLY(peer, interest, peer_not_interested)                                                     \
    REPLY(peer, interest, peer_lost_piece)                                                         \
    REPLY(peer, interest, piece_suggested)                                                         \
    REPLY(peer, choker, peer_left)                                                                 \
    REPLY(peer, choker, interest_changed)                                                          \
    REPLY(peer, choker, began)                                                                     \
    REPLY(peer, fs, store_blocks)                                                                  \
    REPLY(peer, fs, lease_file)                                                                    \
    REPLY(peer, bandwidth, want_quota)
/* clang-format on */

MSG_INBOX(peer, PEER_TABLE);

#endif
