/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_PEER_H
#define CONJURE_MSG_PEER_H

#include "conjure/msg/bandwidth.h"
#include "conjure/msg/choker.h"
#include "conjure/msg/fs.h"
#include "conjure/msg/interest.h"
#include "conjure/msg/table.h"

/* The inbox of one connection, wherever it is driven from: its own thread or the Lobby. */
/* clang-format off */
#define PEER_TABLE(INFO, QUERY, REPLY)                                                              \
    INFO(peer, have, Have, "a piece is verified: offer it", uint32_t piece;)                       \
    INFO(peer, choke, Choke, "do not serve this peer", )                                           \
    INFO(peer, unchoke, Unchoke, "serve this peer",                                                \
         bool guided; /* report the pieces that it takes, by Choker.Began, until Unguided */)      \
    INFO(peer, suggest, Suggest, "lead it to this piece", uint32_t piece;)                         \
    INFO(peer, unguided, Unguided, "every piece went out once: report them no more", )             \
    INFO(peer, interest, Interest, "whether this peer has something that we want",                 \
         bool interested;)                                                                         \
    INFO(peer, completed, Completed,                                                               \
         "we want nothing more: say so, and ask InterestStat nothing from now on",                 \
         const struct bitfield *have; /* what we have, as Lobby keeps it; NULL: everything */)     \
    INFO(peer, cancel_blocks, CancelBlocks, "endgame: somebody else was faster with these",        \
         uint32_t piece; uint32_t first_block; uint64_t blocks;)                                   \
    INFO(peer, yield, Yield, "others wait for a thread: give yours back once nothing moves", )     \
    INFO(peer, shutdown, Shutdown, "close the connection and go back to the Lobby", )              \
    REPLY(peer, interest, have_piece)                                                               \
    REPLY(peer, interest, next_piece)                                                               \
    REPLY(peer, interest, peer_left)                                                                \
    REPLY(peer, choker, peer_left)                                                                  \
    REPLY(peer, fs, store_blocks)                                                                   \
    REPLY(peer, fs, lease_file)                                                                     \
    REPLY(peer, bandwidth, want_quota)
/* clang-format on */

MSG_INBOX(peer, PEER_TABLE);

#endif
