/* SPDX-License-Identifier: MIT */
#include "interest/free_pieces.h"

#include <errno.h>
#include <stdlib.h>

/* Adds PIECE to the list of free pieces or removes it. */
static void update(struct free_pieces *f, uint32_t piece)
{
    bool is_free = !f->n_held[piece] && (f->n_offers[piece] || !f->n_have[piece]);
    uint32_t at = f->index[piece], last;

    if (is_free == (at != FREE_PIECE_NONE))
        return;
    if (is_free) {
        f->index[piece] = f->n_free;
        f->free[f->n_free++] = piece;
        return;
    }
    last = f->free[--f->n_free];
    f->free[at] = last;
    f->index[last] = at;
    f->index[piece] = FREE_PIECE_NONE;
}

int free_pieces_init(struct free_pieces *f, uint32_t n_pieces)
{
    *f = (struct free_pieces){.n_pieces = n_pieces};
    f->n_have = calloc((size_t)n_pieces + 1, sizeof *f->n_have);
    f->n_offers = calloc((size_t)n_pieces + 1, sizeof *f->n_offers);
    f->n_held = calloc((size_t)n_pieces + 1, sizeof *f->n_held);
    f->index = calloc((size_t)n_pieces + 1, sizeof *f->index);
    f->free = calloc((size_t)n_pieces + 1, sizeof *f->free);
    if (!f->n_have || !f->n_offers || !f->n_held || !f->index || !f->free) {
        free_pieces_deinit(f);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < n_pieces; i++) {
        f->index[i] = FREE_PIECE_NONE;
        update(f, i);
    }
    return 0;
}

void free_pieces_deinit(struct free_pieces *f)
{
    free(f->n_have);
    free(f->n_offers);
    free(f->n_held);
    free(f->index);
    free(f->free);
    *f = FREE_PIECES_EMPTY;
}

void free_pieces_peer_has(struct free_pieces *f, uint32_t piece)
{
    f->n_have[piece]++;
    update(f, piece);
}

void free_pieces_peer_left(struct free_pieces *f, uint32_t piece)
{
    f->n_have[piece]--;
    update(f, piece);
}

void free_pieces_begin_offer(struct free_pieces *f, uint32_t piece)
{
    f->n_offers[piece]++;
    f->n_held[piece]++;
    update(f, piece);
}

void free_pieces_release(struct free_pieces *f, uint32_t piece)
{
    f->n_held[piece]--;
    update(f, piece);
}

void free_pieces_end_offer(struct free_pieces *f, uint32_t piece)
{
    f->n_offers[piece]--;
    update(f, piece);
}

uint32_t free_pieces_pick(const struct free_pieces *f, const struct bitfield *except,
                          struct rng *rng)
{
    uint32_t from = f->n_free ? rng_below(rng, f->n_free) : 0;

    for (uint32_t i = 0; i < f->n_free; i++) {
        uint32_t piece = f->free[(from + i) % f->n_free];

        if (!bitfield_test(except, piece))
            return piece;
    }
    return FREE_PIECE_NONE;
}
