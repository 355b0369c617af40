/* SPDX-License-Identifier: MIT */
#include "conjure/choke/guide.h"

int guide_init(struct guide *g, uint32_t n_pieces, struct rng *rng)
{
    int r;

    *g = GUIDE_EMPTY;
    r = bitfield_init(&g->used, n_pieces);
    if (!r)
        r = bitfield_init(&g->sent, n_pieces);
    if (r)
        guide_deinit(g);
    else
        g->at = rng_below(rng, n_pieces);
    return r;
}

void guide_deinit(struct guide *g)
{
    bitfield_deinit(&g->used);
    bitfield_deinit(&g->sent);
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

void guide_mark_sent(struct guide *g, uint32_t piece)
{
    bitfield_set(&g->used, piece);
    bitfield_set(&g->sent, piece);
}

void guide_take_back(struct guide *g, uint32_t piece)
{
    if (!bitfield_test(&g->sent, piece))
        bitfield_clear(&g->used, piece);
}
