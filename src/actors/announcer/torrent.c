/* SPDX-License-Identifier: MIT */
#include "actors/announcer/torrent.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "actors/announcer/internal.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

static void add_trackers(struct announcer_torrent *t)
{
    const struct tracker_list *trackers = t->swarm->trackers;

    for (uint32_t tier = 0; tier < tracker_list_n_tiers(trackers); tier++) {
        for (uint32_t i = 0; i < tracker_list_n_in_tier(trackers, tier); i++) {
            const char *url = tracker_list_url(trackers, tier, i);

            switch (tiers_add(&t->state.tiers, tier, url)) {
            case TIERS_UNUSABLE_URL:
                log_info(FACILITY, "%s: cannot use tracker %.200s", t->swarm->name, url);
                break;
            case TIERS_FULL:
                log_warning(FACILITY, "%s: only the first %u trackers are used", t->swarm->name,
                            TIERS_TRACKERS_MAX);
                return;
            default:
                break;
            }
        }
    }
}

struct announcer_torrent *announcer_torrent_new(struct swarm *swarm, uint64_t left, bool partial,
                                                struct rng *rng)
{
    struct announcer_torrent *t = NEW(struct announcer_torrent);

    t->swarm = swarm;
    t->state = ANNOUNCE_STATE_EMPTY;
    t->state.self.info_hash = swarm->info_hash;
    memcpy(t->state.self.peer_id, swarm->peer_id, sizeof t->state.self.peer_id);
    t->state.self.key = swarm->key;
    t->state.self.port = swarm->port;
    t->state.left = left;
    t->state.partial = partial;
    t->state.spread = (uint16_t)rng_next(rng);
    list_init(&t->in_queue);
    list_init(&t->calls);
    add_trackers(t);
    tiers_shuffle(&t->state.tiers, rng);
    return t;
}

void announcer_torrent_free(struct announcer_torrent *t)
{
    assert(list_is_empty(&t->in_queue) && list_is_empty(&t->calls));
    announce_state_deinit(&t->state);
    free(t);
}
