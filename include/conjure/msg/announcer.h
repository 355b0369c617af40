/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_ANNOUNCER_H
#define CONJURE_MSG_ANNOUNCER_H

#include "conjure/base/addr.h"
#include "conjure/msg/table.h"
#include "conjure/msg/timer.h"

struct swarm;

/* The inbox of Announcer: all trackers of all torrents. */
/* clang-format off */
#define ANNOUNCER_TABLE(INFO, QUERY, REPLY)                                                         \
    INFO(announcer, torrent_started, TorrentStarted, "announce this torrent from now on",          \
         struct swarm *swarm; uint64_t left; bool partial; /* as in Progress */)               \
    QUERY(announcer, torrent_stopped, TorrentStopped,                                              \
          "say `stopped` to the trackers that know us; comes home when said or given up",          \
          struct swarm *swarm;)                                                                \
    INFO(announcer, torrent_completed, TorrentCompleted, "say `completed`",                        \
         struct swarm *swarm;)                                                                 \
    INFO(announcer, need_peers, NeedPeers, "the swarm is too small: ask as soon as it is allowed", \
         struct swarm *swarm;)                                                                 \
    INFO(announcer, progress, Progress, "the numbers that the next announce carries",              \
         struct swarm *swarm; uint64_t uploaded; uint64_t downloaded;                          \
         uint64_t left; /* bytes not verified, of all files */                                     \
         bool partial; /* none of them is wanted */)                                               \
    QUERY(announcer, shutdown, Shutdown, "end; torrents are stopped before", )                     \
    REPLY(announcer, timer, after)
/* clang-format on */

MSG_INBOX(announcer, ANNOUNCER_TABLE);

#endif
