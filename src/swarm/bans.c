/* SPDX-License-Identifier: MIT */
#include "conjure/swarm/bans.h"

#include <stdlib.h>

#include "conjure/base/alloc.h"

void bans_deinit(struct bans *b)
{
    free(b->all);
    *b = BANS_EMPTY;
}

static struct addr ban_of(const struct addr *addr, enum ban_scope scope)
{
    struct addr ban = *addr;

    if (scope == BAN_HOST)
        ban.port = 0;
    return ban;
}

bool bans_include(const struct bans *b, const struct addr *addr, enum ban_scope scope)
{
    struct addr ban = ban_of(addr, scope);

    for (unsigned i = 0; i < b->n; i++)
        if (addr_equal(&b->all[i], &ban))
            return true;
    return false;
}

void bans_add(struct bans *b, const struct addr *addr, enum ban_scope scope, struct rng *rng)
{
    if (bans_include(b, addr, scope))
        return;
    if (!b->all)
        b->all = mem_new_array(BANS_MAX, sizeof *b->all);
    b->all[b->n < BANS_MAX ? b->n++ : rng_below(rng, BANS_MAX)] = ban_of(addr, scope);
}
