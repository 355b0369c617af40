/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_PEER_DEPTH_H
#define CONJURE_SRC_PEER_DEPTH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How many blocks to keep in flight at a peer: as many as it sends in a second, by the rate meter
 * or since the last change, whichever is more. The depth changes when half of it has arrived, and
 * then at most doubles or halves: a new peer gets from DEPTH_FIRST to its rate in a few steps, as
 * in TCP's slow start. With a round trip of a second the depth keeps growing, since the measured
 * rate grows with it. Pure; one thread at a time.
 */
#define DEPTH_FIRST 32u
#define DEPTH_MIN   4u
#define DEPTH_MAX   256u

struct depth {
    uint32_t n_blocks;   /* to keep in flight */
    uint32_t n_received; /* blocks, since since_ns */
    uint64_t since_ns;
};
#define DEPTH_INIT ((struct depth){.n_blocks = DEPTH_FIRST})

/* The first request after none was in flight: the time before does not count. */
void depth_restart(struct depth *d, uint64_t now);
/* Enough has arrived: depth_adapt would change n_blocks. */
static inline bool depth_is_due(const struct depth *d)
{
    return d->n_received >= d->n_blocks / 2;
}
/* N_PER_S: blocks a second by the rate meter. */
void depth_adapt(struct depth *d, uint64_t n_per_s, uint64_t now);

#endif
