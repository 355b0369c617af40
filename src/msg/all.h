/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_MSG_ALL_H
#define CONJURE_SRC_MSG_ALL_H

#include "conjure/msg/announcer.h"
#include "conjure/msg/bandwidth.h"
#include "conjure/msg/choker.h"
#include "conjure/msg/fs.h"
#include "conjure/msg/interest.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/logger.h"
#include "conjure/msg/master.h"
#include "conjure/msg/peer.h"
#include "conjure/msg/timer.h"
#include "conjure/msg/tracker.h"
#include "conjure/msg/worker.h"

/* Every message table, for names in logs and for tests. */
/* clang-format off */
#define ALL_TABLES(INFO, QUERY, REPLY)                                                            \
    ANNOUNCER_TABLE(INFO, QUERY, REPLY)                                                           \
    BANDWIDTH_TABLE(INFO, QUERY, REPLY)                                                           \
    CHOKER_TABLE(INFO, QUERY, REPLY)                                                              \
    FS_TABLE(INFO, QUERY, REPLY)                                                                  \
    INTEREST_TABLE(INFO, QUERY, REPLY)                                                            \
    LOBBY_TABLE(INFO, QUERY, REPLY)                                                               \
    LOGGER_TABLE(INFO, QUERY, REPLY)                                                              \
    MASTER_TABLE(INFO, QUERY, REPLY)                                                              \
    PEER_TABLE(INFO, QUERY, REPLY)                                                                \
    TIMER_TABLE(INFO, QUERY, REPLY)                                                               \
    TRACKER_TABLE(INFO, QUERY, REPLY)                                                             \
    WORKER_TABLE(INFO, QUERY, REPLY)
/* clang-format on */

#endif
