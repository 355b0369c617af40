/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_SERVICE_H
#define CONJURE_TRACKER_SERVICE_H

#include <stdint.h>

#include "conjure/base/rng.h"
#include "conjure/tracker/swarm_table.h"

/* The state of a tracker that replies to requests, over any protocol (serve_http.h, serve_udp.h).
 * Pure. */

#define TRACKER_SECRET_SIZE 32
#define TRACKER_SCRAPE_MAX  74 /* info-hashes of one scrape (BEP 15) */
#define TRACKER_WANT_USUAL  50 /* addresses in a reply to a request without a number */

struct tracker_service {
    struct swarm_table swarms;
    struct rng rng;
    uint8_t secret[TRACKER_SECRET_SIZE]; /* makes connection ids unguessable (BEP 15) */
    uint32_t interval_s;
    uint32_t min_interval_s;
};

/* SECRET is from rng_secret. A peer that has not announced for 2 * INTERVAL_S expires. */
void tracker_service_init(struct tracker_service *s, uint32_t interval_s, uint64_t rng_seed_value,
                          const uint8_t secret[TRACKER_SECRET_SIZE]);
void tracker_service_deinit(struct tracker_service *s); /* safe twice */

/* Picks up to N_WANT peers of SWARM (NULL: of an empty swarm) for the reply to REQUEST from PEER,
 * of FAMILY only unless that is 0.
 * Returns their number: 0 for `stopped`. */
uint32_t tracker_service_pick(struct tracker_service *s, const struct tracked_swarm *swarm,
                              const struct announce_request *request, const struct addr *peer,
                              uint8_t family, const struct tracked_peer *picked[SWARM_WANT_MAX]);

#endif
