/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_TIMER_H
#define CONJURE_MSG_TIMER_H

#include "conjure/base/due_heap.h"
#include "conjure/msg/table.h"

/* The inbox of Timer: everybody's clock. A tick is the query coming home when it is due; whoever
 * wants it again sends it again. */
/* clang-format off */
#define TIMER_TABLE(INFO, QUERY, REPLY)                                                             \
    QUERY(timer, after, After, "comes home after a delay, or at once, cancelled, at shutdown",     \
          uint64_t delay_ns; bool cancelled; /* reply */                                           \
          struct due due; /* Timer's own */)                                                       \
    QUERY(timer, shutdown, Shutdown, "send everything home cancelled and end", )
/* clang-format on */

MSG_INBOX(timer, TIMER_TABLE);

#endif
