/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_CHOKER_H
#define CONJURE_MSG_CHOKER_H

#include "conjure/msg/table.h"
#include "conjure/msg/timer.h"

struct torrent;
struct peer_inbox;

/* The inbox of Choker: who may download from us, over all torrents. */
/* clang-format off */
#define CHOKER_TABLE(INFO, QUERY, REPLY)                                                            \
    INFO(choker, peer_joined, PeerJoined, "a peer finished its handshake", uint32_t peer;          \
         struct torrent *torrent; struct peer_inbox *inbox; /* valid until PeerLeft is home */     \
         bool fast; /* it understands suggestions */)                                              \
    QUERY(choker, peer_left, PeerLeft, "forget a peer. Home: no message follows", uint32_t peer;)  \
    INFO(choker, rates, Rates, "content bytes a peer moved since its last report", uint32_t peer;  \
         uint64_t downloaded; uint64_t uploaded; bool snubbed; /* nothing came for a minute */)    \
    INFO(choker, interest_changed, InterestChanged, "what either end wants now", uint32_t peer;    \
         bool peer_interested; bool we_interested; bool peer_is_seed;)                             \
    INFO(choker, began, Began, "the first block of a piece goes out to a peer that is guided",     \
         uint32_t peer; uint32_t piece;)                                                           \
    INFO(choker, torrent_completed, TorrentCompleted, "we seed this torrent now",                  \
         struct torrent *torrent; bool guided; /* leechers may be led: no super-seeding */)                                                                 \
    INFO(choker, torrent_removed, TorrentRemoved, "its peers have left: forget it",                \
         uint32_t torrent; /* its number; the rest of it may be gone */)                           \
    INFO(choker, set_limit, SetLimit, "of all uploads: slots are to fit it", uint64_t bytes_per_s; \
         /* 0: none */)                                                                            \
    QUERY(choker, shutdown, Shutdown, "end; all peers have left before", )                         \
    REPLY(choker, timer, after)
/* clang-format on */

MSG_INBOX(choker, CHOKER_TABLE);

#endif
