/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_TRACKER_H
#define CONJURE_MSG_TRACKER_H

#include "conjure/msg/table.h"
#include "conjure/msg/timer.h"

/* The inbox of the Tracker that `conjure tracker` runs. */
/* clang-format off */
#define TRACKER_TABLE(INFO, QUERY, REPLY)                                                          \
    INFO(tracker, shutdown, Shutdown, "stop serving and end", )                                    \
    REPLY(tracker, timer, after)
/* clang-format on */

MSG_INBOX(tracker, TRACKER_TABLE);

#endif
