/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SWARM_DIAL_QUEUE_H
#define CONJURE_SWARM_DIAL_QUEUE_H

#include <stdbool.h>

#include "conjure/base/addr.h"
#include "conjure/base/list.h"

/*
 * The order in which torrents dial, and how much is dialled at a time. Pure: one thread at a time.
 *
 * ORDER. A torrent that may have an address to dial waits for a turn, which is one address; then it
 * waits again behind the others of its class. A download without a useful peer precedes other
 * downloads, and these precede torrents that only seed. Of sixteen turns one is reserved for each
 * of the lower classes, so that no class starves.
 *
 * BOUNDS. A dial is under way until its handshake is done or it has failed. Of DIALS_MAX, the lower
 * classes may use a part only: dead addresses of seeding torrents do not delay a download. Between
 * two ticks at most DIALS_HOST_MAX dials to one host (addr_host) of all torrents begin or are under
 * way, so no list of addresses turns us into a flood of one host; and at most DIALS_RECENT_MAX to
 * all hosts.
 */
#define DIALS_MAX        64
#define DIALS_HOST_MAX   16
#define DIALS_RECENT_MAX 256

enum dial_class {
    DIAL_DOWNLOAD_ALONE, /* it needs pieces, and has no useful peer */
    DIAL_DOWNLOAD,
    DIAL_SEED,
    N_DIAL_CLASSES,
};

/* Embedded in a torrent: its place in the queue. */
struct dial_turn {
    struct list in_queue;
    enum dial_class class;
};

struct recent_dial {
    struct addr addr;
    enum dial_class class;
    bool is_over;
};

struct dial_queue {
    struct list waiting[N_DIAL_CLASSES];
    unsigned n_turns;
    struct recent_dial recent[DIALS_RECENT_MAX]; /* under way, or begun since the last tick */
    unsigned n_recent;
    unsigned n_under_way[N_DIAL_CLASSES];
};

void dial_queue_init(struct dial_queue *q);
void dial_turn_init(struct dial_turn *t);

/* T waits for a turn as CLASS; behind the others, unless it waits in that class already. */
void dial_queue_put(struct dial_queue *q, struct dial_turn *t, enum dial_class class);
/* Ends the wait of T, if it waits. */
void dial_queue_remove(struct dial_turn *t);
/* Takes the next one off the queue; NULL when no torrent waits that may dial now. */
struct dial_turn *dial_queue_take(struct dial_queue *q);

/* Whether the host of ADDR may be dialled before the next tick. */
bool dial_queue_allows(const struct dial_queue *q, const struct addr *addr);
/* ADDR is dialled, after dial_queue_take and dial_queue_allows. */
void dial_queue_began(struct dial_queue *q, const struct addr *addr, enum dial_class class);
/* The handshake with ADDR is done, or it failed. */
void dial_queue_ended(struct dial_queue *q, const struct addr *addr);
/* Once a second. */
void dial_queue_tick(struct dial_queue *q);

#endif
