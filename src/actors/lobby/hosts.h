/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_HOSTS_H
#define CONJURE_SRC_ACTORS_LOBBY_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/addr.h"

/*
 * How many connections each host has: a table of counters by a hash of the address, 128 KiB. Two
 * hosts may share a counter, so a count may be too high and is never too low. An IPv6 host is a
 * /64. One thread at a time.
 */
struct hosts {
    uint16_t *n_connections;
};
#define HOSTS_EMPTY ((struct hosts){0})

void hosts_init(struct hosts *h);
void hosts_deinit(struct hosts *h); /* safe twice */
/* A connection with the host of ADDR begins, or ends. */
void hosts_add(struct hosts *h, const struct addr *addr);
void hosts_remove(struct hosts *h, const struct addr *addr);
/* Whether it has more than EVICTION_CROWD connections (conjure/swarm/eviction.h). */
bool hosts_is_crowded(const struct hosts *h, const struct addr *addr);

#endif
