/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_SERVE_H
#define CONJURE_TRACKER_SERVE_H

#include <stddef.h>
#include <stdint.h>

#include "conjure/bencode/writer.h"
#include "conjure/tracker/swarm_table.h"

/* The tracker's side of the protocols: a question in, an answer out. */

#define TRACKER_SCRAPE_MAX     74   /* info-hashes of one scrape; BEP 15's number */
#define TRACKER_UDP_ANSWER_MAX 1400 /* bytes: one packet on any path */

struct tracker_service {
    struct swarm_table swarms;
    struct rng rng;
    uint8_t secret[32]; /* makes connection ids that nobody can guess (BEP 15) */
    uint32_t interval_s;
    uint32_t min_interval_s;
};

/* SECRET is 32 bytes from rng_secret; 2 * INTERVAL_S of silence and a peer is forgotten. */
void tracker_service_init(struct tracker_service *s, uint32_t interval_s, uint64_t rng_seed_value,
                          const uint8_t secret[32]);
void tracker_service_deinit(struct tracker_service *s); /* safe twice */

/* Answers GET URI (as in the request line, still escaped) from FROM. The body goes to W. Returns the
 * status of HTTP: 200, or 404 and then nothing is written. Refusals are bodies of their own (BEP 3). */
int tracker_serve_http(struct tracker_service *s, const char *uri, const struct addr *from,
                       uint64_t now, struct bencode_writer *w);

/* Answers a datagram. Returns the size of the ANSWER; 0: none is due. */
size_t tracker_serve_udp(struct tracker_service *s, const uint8_t *bytes, size_t n,
                         const struct addr *from, uint64_t now,
                         uint8_t answer[TRACKER_UDP_ANSWER_MAX]);

#endif
