/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_DIAL_H
#define CONJURE_SRC_ACTORS_LOBBY_DIAL_H

#include <stdbool.h>

#include "conjure/swarm/dial_queue.h"

struct lobby;
struct lobby_torrent;

/*
 * Dialling the addresses of torrents, in the order and within the bounds of
 * conjure/swarm/dial_queue.h. When few places for connections are left, a dial of a download evicts
 * a connection that is of no use.
 */
#define DIALLING_EACH_MAX 32 /* dials of one torrent under way */

struct dialling {
    struct dial_queue queue;
    bool is_paused;     /* no socket was left: until the next tick */
    unsigned n_evicted; /* for dials, since the last tick */
};

/* T may have an address to dial: it waits for its turn. */
void lobby_dial(struct lobby *l, struct lobby_torrent *t);
/* At the end of a round: dials as many addresses as may be dialled now. A torrent without one is
 * due when it may dial its next. */
void dialling_run(struct lobby *l);
/* Once a second, before any torrent dials. */
void dialling_tick(struct lobby *l);

#endif
