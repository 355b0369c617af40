/* SPDX-License-Identifier: MIT */
#include "conjure/choke/guide.h"

int guide_init(struct guide *g, uint32_t n_pieces, struct rng *rng)
{
    int r;

    *g = GUIDE_EMPTY;
    r = bitfield_init(&g->used, n_pieces);
    if (!r)
        g->at = rng_below(rng, n_pieces);
    return r;
}

void guide_deinit(struct guide *g)
{
    bitfield_deinit(&g->used);
    *g = GUIDE_EMPTY;
}

bool guide_is_over(const struct guide *g)
{
    return bitfield_all(&g->used);
}

bool guide_next(struct guide *g, uint32_t *piecep)
{
    if (guide_is_over(g))
        return false;
    while (!bitfield_set(&g->used, g->at))
        g->at = (g->at + 1) % g->used.n_bits;
    *piecep = g->at;
    return true;
}

void guide_mark_used(struct guide *g, uint32_t piece)
{
    bitfield_set(&g->used, piece);
}

void guide_mark_unused(struct guide *g, uint32_t piece)
{
    bitfield_clear(&g->used, piece);
}
