/* SPDX-License-Identifier: MIT */
#include "actors/lobby/hosts.h"

#include <stdlib.h>

#include "conjure/base/alloc.h"
#include "conjure/base/siphash.h"
#include "conjure/swarm/eviction.h"

#define N_COUNTERS 65536 /* a power of two */

void hosts_init(struct hosts *h)
{
    h->n_connections = mem_new_array(N_COUNTERS, sizeof *h->n_connections);
}

void hosts_deinit(struct hosts *h)
{
    free(h->n_connections);
    *h = HOSTS_EMPTY;
}

static uint16_t *counter_of(const struct hosts *h, const struct addr *addr)
{
    uint64_t hash = siphash(sip_secret_of_process(), addr->ip, addr->family == AF_INET ? 4 : 8);

    return &h->n_connections[hash & (N_COUNTERS - 1)];
}

void hosts_add(struct hosts *h, const struct addr *addr)
{
    ++*counter_of(h, addr);
}

void hosts_remove(struct hosts *h, const struct addr *addr)
{
    --*counter_of(h, addr);
}

bool hosts_is_crowded(const struct hosts *h, const struct addr *addr)
{
    return *counter_of(h, addr) > EVICTION_CROWD;
}
