/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_ANNOUNCER_H
#define CONJURE_MSG_ANNOUNCER_H

#include "conjure/base/addr.h"
#include "conjure/msg/table.h"
#include "conjure/msg/timer.h"

struct swarm;

/* The inbox of Announcer: all trackers of all torrents. A torrent is named by its swarm, which
 * lives until the reply to TorrentStopped. */
/* clang-format off */
#define ANNOUNCER_TABLE(INFO, QUERY, REPLY)                                                        \
    INFO(announcer, torrent_started, TorrentStarted, "start to announce this torrent",             \
         struct swarm *swarm; uint64_t left; bool partial; /* as in Progress */)                   \
    QUERY(announcer, torrent_stopped, TorrentStopped,                                              \
          "announce `stopped` to the trackers that know us. Reply: done or timed out",             \
          struct swarm *swarm;)                                                                    \
    INFO(announcer, torrent_completed, TorrentCompleted, "announce `completed`",                   \
         struct swarm *swarm;)                                                                     \
    INFO(announcer, need_peers, NeedPeers, "the swarm is too small: announce as soon as allowed",  \
         struct swarm *swarm;)                                                                     \
    INFO(announcer, progress, Progress, "numbers for the next announce",                           \
         struct swarm *swarm; uint64_t uploaded; uint64_t downloaded;                              \
         uint64_t left; /* bytes not verified, of all files */                                     \
         bool partial; /* none of them is wanted */)                                               \
    QUERY(announcer, shutdown, Shutdown, "end; all torrents have stopped", )                       \
    REPLY(announcer, timer, after)
/* clang-format on */

MSG_INBOX(announcer, ANNOUNCER_TABLE);

#endif
