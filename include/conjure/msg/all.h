/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_ALL_H
#define CONJURE_MSG_ALL_H

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

/* Every message table, for what must know them all: names for logs, the test of the docs. */
/* clang-format off */
#define ALL_TABLES(INFO, QUERY, HOME)                                                              \
    ANNOUNCER_TABLE(INFO, QUERY, HOME)                                                             \
    BANDWIDTH_TABLE(INFO, QUERY, HOME)                                                             \
    CHOKER_TABLE(INFO, QUERY, HOME)                                                                \
    FS_TABLE(INFO, QUERY, HOME)                                                                    \
    INTEREST_TABLE(INFO, QUERY, HOME)                                                              \
    LOBBY_TABLE(INFO, QUERY, HOME)                                                                 \
    LOGGER_TABLE(INFO, QUERY, HOME)                                                                \
    MASTER_TABLE(INFO, QUERY, HOME)                                                                \
    PEER_TABLE(INFO, QUERY, HOME)                                                                  \
    TIMER_TABLE(INFO, QUERY, HOME)                                                                 \
    TRACKER_TABLE(INFO, QUERY, HOME)                                                               \
    WORKER_TABLE(INFO, QUERY, HOME)
/* clang-format on */

#endif
