/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SWARM_EVICTION_H
#define CONJURE_SWARM_EVICTION_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Chooses the connection that is closed when another one needs its place. Pure: any thread.
 *
 * A connection on which data can move stays. Of the others these may be evicted, in this order: any
 * whose host is crowded; one where neither end is interested, after a while, and first one that
 * never moved content; one where an end has been interested in vain for a long time. Among equals
 * the one that has been idle longest is evicted.
 */
#define EVICTION_CROWD 16 /* a host with more connections than these is crowded */
#define EVICTION_NONE  (-1)

struct eviction_facts {
    uint64_t idle_ns; /* time since data could move */
    bool is_active;   /* data can move now */
    bool wants;       /* either end is interested in the other */
    bool has_moved;   /* content moved on it once */
    bool is_crowded;  /* its host has more connections than EVICTION_CROWD */
};

struct eviction_times {
    uint64_t unwanted_ns; /* idle time until eviction where neither end is interested */
    uint64_t bored_ns;    /* the same where an end is interested in vain */
};

/* The host of the connection that needs a place. */
enum eviction_for {
    EVICTION_FOR_ANY_HOST,
    EVICTION_FOR_CROWDED_HOST, /* it replaces only connections of crowded hosts */
};

/* The index of the connection to evict, or EVICTION_NONE. */
int eviction_choose(const struct eviction_facts *facts, unsigned n_facts,
                    const struct eviction_times *times, enum eviction_for newcomer);

#endif
