/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_ANNOUNCER_TORRENT_H
#define CONJURE_SRC_ACTORS_ANNOUNCER_TORRENT_H

#include "conjure/base/due_heap.h"
#include "conjure/base/list.h"
#include "conjure/base/rng.h"
#include "conjure/msg/announcer.h"
#include "conjure/swarm/swarm.h"
#include "conjure/tracker/state.h"

/* Announcer's record of a torrent. */
struct announcer_torrent {
    struct swarm *swarm; /* Master's; the key */
    struct announce_state state;
    struct due due;       /* the next announce; of a torrent that stops: when to give up */
    struct list in_queue; /* of a service, or of those whose next announce must be chosen */
    struct list calls;    /* its announces under way */
    struct announcer_torrent_stopped *stopping; /* kept until `stopped` is sent; NULL: it runs */
};

/* With the trackers of SWARM that have a known protocol, each tier in random order. LEFT and
 * PARTIAL are as in Announcer.Progress. Free it with announcer_torrent_free. */
struct announcer_torrent *announcer_torrent_new(struct swarm *swarm, uint64_t left, bool partial,
                                                struct rng *rng);
/* It must be in no queue or heap, and have no calls. */
void announcer_torrent_free(struct announcer_torrent *t);

#endif
