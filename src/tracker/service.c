/* SPDX-License-Identifier: MIT */
#include "conjure/tracker/service.h"

#include <string.h>

#include "conjure/base/clock.h"

#define SWARMS_MAX     65536
#define PEERS_MAX      10000 /* of one swarm */
#define PEERS_SUM_MAX  1000000
#define MIN_INTERVAL_S 60

void tracker_service_init(struct tracker_service *s, uint32_t interval_s, uint64_t rng_seed_value,
                          const uint8_t secret[TRACKER_SECRET_SIZE])
{
    struct swarm_table_limits limits = {
        .n_swarms = SWARMS_MAX,
        .n_peers = PEERS_MAX,
        .n_peers_sum = PEERS_SUM_MAX,
        .expiry_ns = 2 * interval_s * NS_PER_S,
    };

    swarm_table_init(&s->swarms, &limits);
    rng_seed(&s->rng, rng_seed_value);
    memcpy(s->secret, secret, sizeof s->secret);
    s->interval_s = interval_s;
    s->min_interval_s = interval_s < MIN_INTERVAL_S ? interval_s : MIN_INTERVAL_S;
}

void tracker_service_deinit(struct tracker_service *s)
{
    swarm_table_deinit(&s->swarms);
}

uint32_t tracker_service_pick(struct tracker_service *s, const struct tracked_swarm *swarm,
                              const struct announce_request *request, const struct addr *peer,
                              uint8_t family, const struct tracked_peer *picked[SWARM_WANT_MAX])
{
    bool downloads = request->left && request->event != ANNOUNCE_PAUSED;

    if (!swarm || request->event == ANNOUNCE_STOPPED)
        return 0;
    return tracked_swarm_pick(swarm, peer, downloads ? SWARM_PICK_ALL : SWARM_PICK_LEECHERS, family,
                              &s->rng, picked, request->n_want);
}
