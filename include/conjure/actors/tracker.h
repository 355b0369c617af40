/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_TRACKER_H
#define CONJURE_ACTORS_TRACKER_H

#include "conjure/base/addr.h"
#include "conjure/msg/timer.h"
#include "conjure/msg/tracker.h"

/*
 * Tracker: a small tracker in memory, HTTP and UDP on one port number, IPv4 and IPv6, one thread. The
 * Timer must be shut down before it.
 */
struct tracker;

#define TRACKER_PORT_DEFAULT     6969
#define TRACKER_INTERVAL_DEFAULT 1800

struct tracker_options {
    struct addr
        bind; /* where to listen; family 0: on all addresses. The port is used with both; 0: any */
    uint32_t interval_s; /* that clients are told; 0: TRACKER_INTERVAL_DEFAULT */
};

/* Opens the sockets and starts the thread. Returns 0 or -errno (-EADDRINUSE: the port is taken). */
int tracker_start(struct timer_inbox *timer, const struct tracker_options *options,
                  struct tracker **outp);
/* Where to send; valid until tracker_join. */
struct tracker_inbox *tracker_inbox(struct tracker *t);
/* The port that it listens on; any thread. */
uint16_t tracker_port(const struct tracker *t);
/* After Shutdown was sent: waits for the thread's end and frees T. NULL is fine. */
void tracker_join(struct tracker *t);

#endif
