/* SPDX-License-Identifier: MIT */
#include "fs/placement.h"

struct placement *placement_new(const struct store *store)
{
    return store->allocation == ALLOCATION_COMPACT ? placement_new_compact(store)
                                                   : placement_new_sparse(store);
}

void placement_free(struct placement *p)
{
    if (p)
        p->ops->free(p);
}
