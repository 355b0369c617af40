/* SPDX-License-Identifier: MIT */
#include "conjure/swarm/eviction.h"

/* Weights of the reasons to evict a connection: each outweighs all before it. */
enum {
    EVICTABLE = 1,
    NEVER_MOVED = 1,
    UNWANTED = 2,
    CROWDED = 4,
};

/* 0: the connection stays. The greater, the sooner it is evicted. */
static unsigned uselessness(const struct eviction_facts *f, const struct eviction_times *times)
{
    if (f->is_active)
        return 0;
    if (!f->is_crowded && f->idle_ns < (f->wants ? times->bored_ns : times->unwanted_ns))
        return 0;
    return EVICTABLE + (f->has_moved ? 0u : NEVER_MOVED) + (f->wants ? 0u : UNWANTED) +
           (f->is_crowded ? CROWDED : 0u);
}

int eviction_choose(const struct eviction_facts *facts, unsigned n_facts,
                    const struct eviction_times *times, enum eviction_for newcomer)
{
    int worst = EVICTION_NONE;
    unsigned most = 0;

    for (unsigned i = 0; i < n_facts; i++) {
        unsigned u = uselessness(&facts[i], times);

        if (u > most || (u && u == most && facts[i].idle_ns > facts[worst].idle_ns)) {
            worst = (int)i;
            most = u;
        }
    }
    if (worst >= 0 && newcomer == EVICTION_FOR_CROWDED_HOST && !facts[worst].is_crowded)
        return EVICTION_NONE;
    return worst;
}
