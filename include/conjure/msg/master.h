/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_MASTER_H
#define CONJURE_MSG_MASTER_H

#include "conjure/msg/announcer.h"
#include "conjure/msg/bandwidth.h"
#include "conjure/msg/choker.h"
#include "conjure/msg/fs.h"
#include "conjure/msg/interest.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/table.h"
#include "conjure/msg/timer.h"

/* The inbox of Master: the life of the torrents and of the other actors. */
/* clang-format off */
#define MASTER_TABLE(INFO, QUERY, REPLY)                                                           \
    INFO(master, torrent_completed, TorrentCompleted, "every wanted piece is verified",            \
         struct torrent *torrent;)                                                                 \
    INFO(master, super_seeded, SuperSeeded, "super-seeding is over", struct torrent *torrent;)     \
    INFO(master, storage_failed, StorageFailed, "a read or write failed; once per torrent",        \
         struct torrent *torrent; int error; /* errno */ char reason[256];)                        \
    INFO(master, content_changed, ContentChanged,                                                  \
         "a file has changed since the torrent was complete",                                      \
         struct torrent *torrent; uint32_t file;)                                                  \
    INFO(master, check_progress, CheckProgress, "how many pieces a check has hashed",              \
         struct torrent *torrent; uint32_t n_checked; uint32_t n_to_check;)                        \
    INFO(master, totals, Totals, "bytes that a torrent moved since the last report",               \
         struct torrent *torrent; uint64_t uploaded; uint64_t downloaded; /* content bytes */      \
         uint32_t n_peers; uint32_t n_seeds;)                                                      \
    INFO(master, tracker_says, TrackerSays, "the outcome of an announce",                          \
         struct swarm *swarm; bool ok; uint32_t n_seeders; uint32_t n_peers;                       \
         char text[256]; /* failure or warning, or empty */)                                       \
    REPLY(master, fs, open_torrent)                                                                \
    REPLY(master, fs, check_pieces)                                                                \
    REPLY(master, fs, save_resume)                                                                 \
    REPLY(master, fs, close_torrent)                                                               \
    REPLY(master, fs, shutdown)                                                                    \
    REPLY(master, interest, progress)                                                              \
    REPLY(master, interest, shutdown)                                                              \
    REPLY(master, announcer, torrent_stopped)                                                      \
    REPLY(master, announcer, shutdown)                                                             \
    REPLY(master, lobby, torrent_completed)                                                        \
    REPLY(master, lobby, torrent_removed)                                                          \
    REPLY(master, lobby, shutdown)                                                                 \
    REPLY(master, choker, shutdown)                                                                \
    REPLY(master, bandwidth, shutdown)                                                             \
    REPLY(master, timer, after)                                                                    \
    REPLY(master, timer, shutdown)
/* clang-format on */

MSG_INBOX(master, MASTER_TABLE);

#endif
