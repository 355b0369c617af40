/* SPDX-License-Identifier: MIT */
#include "peer/depth.h"

void depth_restart(struct depth *d, uint64_t now)
{
    d->n_received = 0;
    d->since_ns = now;
}

void depth_adapt(struct depth *d, uint64_t n_per_s, uint64_t now)
{
    uint64_t took = now > d->since_ns ? now - d->since_ns : 1;
    uint64_t recent = d->n_received * UINT64_C(1000000000) / took;
    uint64_t depth = recent > n_per_s ? recent : n_per_s;

    if (depth > 2 * d->n_blocks)
        depth = 2 * d->n_blocks;
    if (depth < d->n_blocks / 2)
        depth = d->n_blocks / 2;
    if (depth > DEPTH_MAX)
        depth = DEPTH_MAX;
    if (depth < DEPTH_MIN)
        depth = DEPTH_MIN;
    d->n_blocks = (uint32_t)depth;
    depth_restart(d, now);
}
