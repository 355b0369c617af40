/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_LOBBY_H
#define CONJURE_MSG_LOBBY_H

#include "conjure/base/addr.h"
#include "conjure/base/bitfield.h"
#include "conjure/base/peer_source.h"
#include "conjure/msg/table.h"
#include "conjure/msg/timer.h"

struct torrent;
struct swarm;
struct peer;

/* The inbox of the Lobby, which listens, dials, does handshakes, and drives the peers that have no
 * thread of their own. */
/* clang-format off */
#define LOBBY_TABLE(INFO, QUERY, REPLY)                                                            \
    INFO(lobby, torrent_added, TorrentAdded, "accept peers of this torrent",                       \
         struct torrent *torrent; struct bitfield have; /* owned: verified pieces */               \
         bool super_seed; /* we have every piece, and do not say so to peers */)                   \
    QUERY(lobby, torrent_completed, TorrentCompleted,                                              \
          "every wanted piece is verified: notify all peers. Reply: done, and InterestStat knows " \
          "every peer that misses a HAVE", struct swarm *swarm;)                                   \
    QUERY(lobby, torrent_removed, TorrentRemoved,                                                  \
          "close its connections. Reply: the last is closed", struct swarm *swarm;)                \
    INFO(lobby, peers_found, PeersFound, "addresses to dial", struct swarm *swarm;                 \
         enum peer_source source; uint32_t n_addrs; struct addr addrs[];)                          \
    INFO(lobby, adopt, Adopt, "a thread returns a peer: idle, or to be closed",                    \
         struct peer *peer; /* owned */)                                                           \
    INFO(lobby, have, Have, "a piece is verified: announce it in later handshakes",                \
         struct swarm *swarm; uint32_t piece;)                                                     \
    INFO(lobby, ban, Ban, "this peer sent wrong data: close and ban it",                           \
         struct swarm *swarm; struct addr addr;)                                                   \
    INFO(lobby, mail, Mail, "a peer without a thread has messages", struct peer *peer;)            \
    INFO(lobby, set_max_peers, SetMaxPeers,                                                        \
         "limit connections of all torrents; open ones stay", uint32_t max_peers;)                 \
    QUERY(lobby, shutdown, Shutdown, "stop listening. Reply: all torrents are removed", )          \
    REPLY(lobby, timer, after)
/* clang-format on */

MSG_INBOX(lobby, LOBBY_TABLE);

#endif
