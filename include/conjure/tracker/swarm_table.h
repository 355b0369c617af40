/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_SWARM_TABLE_H
#define CONJURE_TRACKER_SWARM_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/addr.h"
#include "conjure/base/rng.h"
#include "conjure/tracker/announce.h"

/*
 * What a tracker remembers: swarms by info-hash, and in each the peers by address. Everything is
 * bounded, since anybody may announce anything. Pure: time is passed in, in ns.
 */
#define SWARM_WANT_MAX 200 /* addresses in one answer */

struct tracked_peer {
    struct addr addr;
    bool is_seed;
    bool is_partial; /* BEP 21: downloads nothing more */
    uint8_t peer_id[20];
    uint64_t heard_at;
};

struct tracked_swarm {
    struct info_hash info_hash;
    struct tracked_swarm *next; /* with the same place in the table */
    struct tracked_peer *peers; /* owned; in no order */
    uint32_t n_peers;
    uint32_t n_room;
    uint32_t n_seeds;
    uint32_t n_partial;   /* partial seeds */
    uint32_t n_completed; /* `completed` events heard */
    uint32_t *index;      /* owned: open addressing by address, 1 + place in peers; 0: free */
    uint32_t n_index;     /* a power of two */
};

struct swarm_table_limits {
    uint32_t n_swarms;  /* more torrents are refused */
    uint32_t n_peers;   /* of one swarm: a new one then takes the place of one at random */
    uint64_t expiry_ns; /* a peer not heard of for so long is forgotten */
};

#define SWARM_TABLE_SIZE 4096

struct swarm_table {
    struct tracked_swarm *places[SWARM_TABLE_SIZE];
    uint32_t n_swarms;
    uint32_t sweep_at; /* place that is swept next */
    struct swarm_table_limits limits;
};

void swarm_table_init(struct swarm_table *t, const struct swarm_table_limits *limits);
void swarm_table_deinit(struct swarm_table *t); /* safe twice */

/* The swarm of INFO_HASH; NULL when nobody has announced it. */
const struct tracked_swarm *swarm_table_find(const struct swarm_table *t,
                                             const struct info_hash *info_hash);

enum {
    SWARM_TABLE_FULL = 1,
};

/* Takes note of an announce from FROM (the address of the sender with the port that it listens on).
 * Returns 0, SWARM_TABLE_FULL or -ENOMEM. *SWARMP is the swarm, or NULL when nobody is left in it. */
int swarm_table_announce(struct swarm_table *t, const struct announce_request *request,
                         const struct addr *from, uint64_t now, struct rng *rng,
                         const struct tracked_swarm **swarmp);

/* Picks up to N_MAX peers at random, without ASKER, and no seeds, whole or partial, when ASKER_IS_SEED
 * of either kind, for they have nothing to say to each other. Returns how many. */
uint32_t tracked_swarm_pick(const struct tracked_swarm *s, const struct addr *asker,
                            bool asker_is_seed, struct rng *rng,
                            const struct tracked_peer *picked[SWARM_WANT_MAX], uint32_t n_max);

/* Forgets peers that have expired in a part of the table; call it now and then. */
void swarm_table_sweep(struct swarm_table *t, uint64_t now);

#endif
