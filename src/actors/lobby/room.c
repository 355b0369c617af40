/* SPDX-License-Identifier: MIT */
#include "actors/lobby/room.h"

#include "actors/lobby/internal.h"
#include "actors/lobby/peers.h"
#include "conjure/swarm/eviction.h"

#define LOOKS 64 /* ids that are considered for one newcomer */

static struct eviction_facts facts_of(const struct lobby *l, const struct peer *p)
{
    return (struct eviction_facts){
        .idle_ns = l->now - p->idle_since_ns,
        .is_active = session_is_active(&p->session),
        .wants = p->session.peer_interested || p->session.we_interested,
        .has_moved = p->session.up.total || p->session.down.total,
        .is_crowded = hosts_is_crowded(&l->hosts, &p->addr),
    };
}

bool lobby_make_room(struct lobby *l, const struct addr *from)
{
    struct eviction_facts facts[LOOKS];
    struct peer *peers[LOOKS];
    unsigned n = 0;
    int evicted;

    owner_assert(&l->owner);
    for (uint32_t i = 0; i < LOOKS && i < l->peers.n_ids; i++) {
        struct peer *p = lobby_peers_next(l, &l->evict_at);

        if (!p || p->state != PEER_IN_LOBBY)
            continue;
        peers[n] = p;
        facts[n++] = facts_of(l, p);
    }
    evicted = eviction_choose(facts, n, &l->options.times->eviction,
                              from && hosts_is_crowded(&l->hosts, from) ? EVICTION_FOR_CROWDED_HOST
                                                                        : EVICTION_FOR_ANY_HOST);
    if (evicted == EVICTION_NONE)
        return false;
    lobby_peer_close(l, peers[evicted], "of little use to either end, and its place is needed");
    return true;
}
