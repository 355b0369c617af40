/* SPDX-License-Identifier: MIT */
#include "conjure/base/rate.h"

/* The window is at least this long: the first packets are not gigabytes per second. */
#define RATE_WARM_UP_NS UINT64_C(250000000)

static void update(struct rate *r, uint64_t bytes, uint64_t now)
{
    double window, kept;

    if (!r->since_ns) {
        r->since_ns = now > RATE_WARM_UP_NS ? now - RATE_WARM_UP_NS : 1;
        r->last_ns = now;
    }
    kept = (double)(r->last_ns - r->since_ns) / 1e9;
    window = (double)(now - r->since_ns) / 1e9;
    if (window > 0)
        r->per_s = (r->per_s * kept + (double)bytes) / window;
    r->last_ns = now;
    if (now - r->since_ns > RATE_WINDOW_NS)
        r->since_ns = now - RATE_WINDOW_NS;
}

void rate_add(struct rate *r, uint64_t bytes, uint64_t now)
{
    r->total += bytes;
    update(r, bytes, now);
}

uint64_t rate_get(struct rate *r, uint64_t now)
{
    if (!r->since_ns)
        return 0;
    update(r, 0, now);
    return (uint64_t)r->per_s;
}
