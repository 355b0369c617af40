/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_LOBBY_H
#define CONJURE_MSG_LOBBY_H

#include "conjure/base/addr.h"
#include "conjure/base/bitfield.h"
#include "conjure/msg/table.h"
#include "conjure/msg/timer.h"

struct torrent;
struct swarm;
struct peer;

/* The inbox of Lobby: it listens, dials, shakes hands and keeps every connection that is idle. */
/* clang-format off */
#define LOBBY_TABLE(INFO, QUERY, REPLY)                                                             \
    INFO(lobby, torrent_added, TorrentAdded, "let peers of this torrent in",                       \
         struct torrent *torrent; struct bitfield have; /* owned: verified pieces */               \
         bool super_seed; /* have is everything, and peers do not hear of it */)                   \
    QUERY(lobby, torrent_completed, TorrentCompleted,                                              \
          "no piece that we want lacks: tell all peers. Home: they know, and InterestStat, if it "  \
          "is to end, has heard of all that it owes a HAVE to", struct swarm *swarm;)           \
    QUERY(lobby, torrent_removed, TorrentRemoved,                                                  \
          "close its connections; home when the last is gone", struct swarm *swarm;)           \
    INFO(lobby, peers_found, PeersFound, "addresses to dial", struct swarm *swarm;            \
         uint32_t n_addrs; struct addr addrs[];)                                                   \
    INFO(lobby, adopt, Adopt, "a connection comes back from its thread: idle, or to be closed",    \
         struct peer *peer; /* owned */)                                                           \
    INFO(lobby, have, Have, "a piece is verified: tell all idle peers", struct swarm *swarm;   \
         uint32_t piece;)                                                                          \
    INFO(lobby, ban, Ban, "this host sent wrong data: close, and refuse it from now on",           \
         struct swarm *swarm; struct addr addr;)                                               \
    INFO(lobby, mail, Mail, "an idle peer has messages", struct peer *peer;)                       \
    INFO(lobby, set_max_peers, SetMaxPeers,                                                        \
         "connections over all torrents, from now on; none is closed for it", uint32_t max_peers;) \
    QUERY(lobby, shutdown, Shutdown, "stop listening, close all; home when done", )                \
    REPLY(lobby, timer, after)
/* clang-format on */

MSG_INBOX(lobby, LOBBY_TABLE);

#endif
