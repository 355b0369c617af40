/* SPDX-License-Identifier: MIT */
#include "conjure/swarm/bans.h"

#include <stdlib.h>

#include "conjure/base/alloc.h"
#include "conjure/base/siphash.h"

#define N_BUCKETS 512 /* a power of two */
#define N_PLACES  8   /* of a bucket */

void bans_deinit(struct bans *b)
{
    free(b->all);
    *b = BANS_EMPTY;
}

static struct ban *bucket_of(const struct bans *b, uint64_t host)
{
    uint64_t hash = siphash(sip_secret_of_process(), &host, sizeof host);

    return &b->all[(hash & (N_BUCKETS - 1)) * N_PLACES];
}

static struct ban *find(const struct bans *b, uint64_t host)
{
    struct ban *bucket = b->all ? bucket_of(b, host) : NULL;

    for (unsigned i = 0; bucket && i < N_PLACES; i++)
        if (bucket[i].host == host)
            return &bucket[i];
    return NULL;
}

/* A free place, or else the one whose ban ends first. */
static struct ban *new_place(const struct bans *b, uint64_t host)
{
    struct ban *bucket = bucket_of(b, host), *first = bucket;

    for (unsigned i = 1; i < N_PLACES; i++)
        if (bucket[i].until_ns < first->until_ns)
            first = &bucket[i];
    return first;
}

uint64_t bans_strike(struct bans *b, const struct addr *addr, uint64_t now)
{
    uint64_t host = addr_host(addr);
    struct ban *ban = find(b, host);
    uint64_t ns = BAN_FIRST_NS;

    if (!b->all)
        b->all = mem_new_array((size_t)N_BUCKETS * N_PLACES, sizeof *b->all);
    if (!ban) {
        ban = new_place(b, host);
        *ban = (struct ban){.host = host};
    } else if (now >= ban->until_ns + BAN_FORGOTTEN_NS) {
        ban->n_strikes = 0;
    }
    for (unsigned i = 0; i < ban->n_strikes && ns < BAN_MAX_NS; i++)
        ns *= BAN_FACTOR;
    if (ban->n_strikes < UINT8_MAX)
        ban->n_strikes++;
    ban->until_ns = now + (ns < BAN_MAX_NS ? ns : BAN_MAX_NS);
    return ban->until_ns;
}

uint64_t bans_until(const struct bans *b, const struct addr *addr, uint64_t now)
{
    uint64_t host = addr_host(addr);
    const struct ban *ban = find(b, host);

    return ban && ban->until_ns > now ? ban->until_ns : 0;
}
