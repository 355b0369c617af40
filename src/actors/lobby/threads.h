/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_THREADS_H
#define CONJURE_SRC_ACTORS_LOBBY_THREADS_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/list.h"

struct lobby;
struct peer;

/*
 * Which peers have a thread. When the system has no thread for a peer, or no descriptor for its
 * waker, the peer waits in a queue, and the Lobby goes on driving it. Whenever a thread has ended,
 * and once a second, the first in the queue tries again; once a second peers whose threads only
 * wait are asked to give them back.
 */
struct lobby_threads {
    struct list waiting; /* peers that need a thread, by in_queue, longest first */
    uint32_t yield_at;   /* an id: where the next search for threads to give back begins */
};

void lobby_threads_init(struct lobby_threads *ts);

/* Whether P has blocks in flight, requests to serve, or blocks to request. */
bool threads_has_work(const struct peer *p);
/* Hands P, which the Lobby drives, to a thread, or queues it for one. */
void threads_give(struct lobby *l, struct peer *p);
/* P was given back (Adopt): the Lobby drives it again. */
void threads_take_back(struct lobby *l, struct peer *p);
/* Gives threads to waiting peers until the system has none. */
void threads_start_waiting(struct lobby *l);
/* While peers wait: asks some others to give back a thread on which nothing moves. */
void threads_ask_to_yield(struct lobby *l);

#endif
