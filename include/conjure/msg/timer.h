/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_TIMER_H
#define CONJURE_MSG_TIMER_H

#include "conjure/base/due_heap.h"
#include "conjure/msg/table.h"

/* The inbox of Timer: delays for all actors. A periodic tick is an After that its sender sends
 * again. */
/* clang-format off */
#define TIMER_TABLE(INFO, QUERY, REPLY)                                                            \
    QUERY(timer, after, After, "reply after a delay, or at shutdown, cancelled",                   \
          uint64_t delay_ns; bool cancelled; /* reply */                                           \
          struct due due; /* Timer's own */)                                                       \
    QUERY(timer, shutdown, Shutdown, "reply to all Afters, cancelled, and end", )
/* clang-format on */

MSG_INBOX(timer, TIMER_TABLE);

#endif
