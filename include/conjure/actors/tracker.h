/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_TRACKER_H
#define CONJURE_ACTORS_TRACKER_H

#include "conjure/base/addr.h"
#include "conjure/msg/timer.h"
#include "conjure/msg/tracker.h"

/*
 * Tracker: a small tracker in memory, over HTTP and UDP on one port number, IPv4 and IPv6, in one
 * thread. The Timer must be shut down before it.
 */
struct tracker;

#define TRACKER_PORT_DEFAULT     6969
#define TRACKER_INTERVAL_DEFAULT 1800 /* seconds */

struct tracker_options {
    struct addr bind;    /* where to listen; family 0: on all addresses; port 0: any */
    uint32_t interval_s; /* between the announces of a client; 0: TRACKER_INTERVAL_DEFAULT */
};

/* Opens the sockets, then starts the thread. NULL with errno set; EADDRINUSE: the port is taken. */
struct tracker *tracker_start(struct timer_inbox *timer, const struct tracker_options *options);
struct tracker_inbox *tracker_inbox(struct tracker *t);
/* The port that it listens on. Any thread. */
uint16_t tracker_port(const struct tracker *t);
/* After Shutdown was sent. */
void tracker_join(struct tracker *t);

#endif
