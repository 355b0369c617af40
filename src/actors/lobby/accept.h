/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_ACCEPT_H
#define CONJURE_SRC_ACTORS_LOBBY_ACCEPT_H

#include <stdbool.h>

struct lobby;

/*
 * Accepting connections.
 *
 * LIMITS. Without a descriptor for a newcomer the least useful peer is evicted, or else the
 * listening socket is not watched until the next tick, and newcomers wait in the kernel's queue.
 * When all connections are taken, see lobby_make_room. Incoming connections without a complete
 * handshake take a quarter of all places; beyond that a newcomer replaces the oldest one of the
 * host that has most of them.
 */
struct listener {
    bool is_paused;     /* not watched until the next tick */
    unsigned n_evicted; /* for their descriptors, since the last tick */
};

/* The listening socket is readable. */
void listener_event(struct lobby *l);
/* Once a second. */
void listener_tick(struct lobby *l);

#endif
