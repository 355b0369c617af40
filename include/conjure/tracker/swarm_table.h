/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_SWARM_TABLE_H
#define CONJURE_TRACKER_SWARM_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/addr.h"
#include "conjure/base/crowd.h"
#include "conjure/base/rng.h"
#include "conjure/tracker/announce.h"

/*
 * The memory of a tracker: swarms by info-hash, and their peers by address. All of it is bounded,
 * because any host may announce any info-hash, and hashed with a secret, because clients choose the
 * keys. Pure: `now` in ns.
 *
 * A full table evicts a swarm for a new one. A swarm counts for the host (addr_host) that announced
 * it last; of the host with most swarms the one goes that was not announced for the longest time.
 * So a host that announces random info-hashes displaces its own. Of a swarm, a host has
 * SWARM_HOST_MAX peers at most.
 */
#define SWARM_HOST_MAX 32
#define SWARM_WANT_MAX 200 /* addresses in one reply */

struct tracked_peer {
    struct addr addr;
    bool is_seed;
    bool is_partial; /* BEP 21: it does not download any more, but is not a seed */
    uint8_t peer_id[20];
    uint64_t announced_at;
};

struct tracked_swarm {
    struct info_hash info_hash;
    struct tracked_swarm *next; /* in the same bucket of the table */
    struct crowd_member in_crowd;
    struct tracked_peer *peers; /* owned; in no order */
    uint32_t n_peers;
    uint32_t n_room;
    uint32_t n_seeds;
    uint32_t n_partial;   /* partial seeds */
    uint32_t n_completed; /* `completed` events so far */
    uint32_t *index;      /* owned: open addressing by address, 1 + index in peers; 0: free */
    uint32_t n_index;     /* a power of two */
};

struct swarm_table_limits {
    uint32_t n_swarms;    /* a further swarm replaces another one */
    uint32_t n_peers;     /* of one swarm: a further peer replaces a random one */
    uint32_t n_peers_sum; /* of all swarms: a further peer replaces another swarm */
    uint64_t expiry_ns;   /* a peer that has not announced for this long is dropped */
};

#define SWARM_TABLE_SIZE 4096

struct swarm_table {
    struct tracked_swarm *buckets[SWARM_TABLE_SIZE];
    struct crowd crowd; /* of swarms */
    uint32_t n_swarms, n_peers;
    uint32_t sweep_at; /* the bucket that is swept next */
    struct swarm_table_limits limits;
};

enum swarm_table_condition {
    SWARM_TABLE_FULL = 1, /* the limits are below one swarm or peer */
};

/* Which peers of a swarm to pick. */
enum swarm_pick {
    SWARM_PICK_ALL,
    SWARM_PICK_LEECHERS, /* neither seeds nor partial seeds: for a seed or partial seed */
};

void swarm_table_init(struct swarm_table *t, const struct swarm_table_limits *limits);
void swarm_table_deinit(struct swarm_table *t); /* safe twice */

/* The swarm of INFO_HASH; NULL when it has no peers. */
const struct tracked_swarm *swarm_table_find(const struct swarm_table *t,
                                             const struct info_hash *info_hash);

/* Records an announce of the peer at FROM, which is the address of the sender with the port that it
 * listens on. Returns 0, SWARM_TABLE_FULL or -ENOMEM. *SWARMP is the swarm, or NULL when it has no
 * peers any more. */
int swarm_table_announce(struct swarm_table *t, const struct announce_request *request,
                         const struct addr *from, uint64_t now, struct rng *rng,
                         const struct tracked_swarm **swarmp);

/* Picks up to N_MAX peers of FAMILY (0: of any) at random, never the one at ASKER. Returns how
 * many. */
uint32_t tracked_swarm_pick(const struct tracked_swarm *s, const struct addr *asker,
                            enum swarm_pick which, uint8_t family, struct rng *rng,
                            const struct tracked_peer *picked[SWARM_WANT_MAX], uint32_t n_max);

/* Drops expired peers of a sixteenth of the table. */
void swarm_table_sweep(struct swarm_table *t, uint64_t now);

#endif
