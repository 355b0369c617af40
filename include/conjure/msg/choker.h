/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_CHOKER_H
#define CONJURE_MSG_CHOKER_H

#include "conjure/msg/table.h"
#include "conjure/msg/timer.h"
#include "conjure/piece/piece_list.h"

struct torrent;
struct peer_inbox;

/* The inbox of Choker: which peers may download from us, over all torrents. */
/* clang-format off */
#define CHOKER_TABLE(INFO, QUERY, REPLY)                                                           \
    INFO(choker, peer_joined, PeerJoined, "a peer finished its handshake",                         \
         uint32_t peer; struct torrent *torrent; uint64_t host; /* addr_host */                \
         struct peer_inbox *inbox; /* valid until the reply to PeerLeft */                         \
         bool fast; /* it supports BEP 6, so pieces can be suggested */)                           \
    QUERY(choker, peer_left, PeerLeft, "remove a peer. After the reply no message is sent to it",  \
          uint32_t peer;)                                                                          \
    INFO(choker, rates, Rates, "content bytes that a peer moved since its last report",            \
         uint32_t peer; uint64_t downloaded; uint64_t uploaded;                                    \
         bool snubbed; /* it unchoked us and sent no content for a minute */)                      \
    QUERY(choker, interest_changed, InterestChanged, "interest of either side has changed",        \
          uint32_t peer; bool peer_interested; bool we_interested; bool peer_is_seed;)             \
    QUERY(choker, began, Began, "the first blocks of pieces are sent to a guided peer",            \
          uint32_t peer; struct piece_list pieces;)                                                \
    INFO(choker, torrent_completed, TorrentCompleted, "we seed this torrent from now on",          \
         struct torrent *torrent; bool guided; /* pieces may be suggested: no super-seeding */)    \
    INFO(choker, torrent_removed, TorrentRemoved, "all its peers have left: remove it",            \
         uint32_t torrent; /* its number; the struct may be freed */)                              \
    INFO(choker, set_limit, SetLimit, "limit of all uploads: sets the number of slots",            \
         uint64_t bytes_per_s; /* 0: none */)                                                      \
    QUERY(choker, shutdown, Shutdown, "end; all peers have left", )                                \
    REPLY(choker, timer, after)
/* clang-format on */

MSG_INBOX(choker, CHOKER_TABLE);

#endif
