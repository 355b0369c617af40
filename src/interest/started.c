/* SPDX-License-Identifier: MIT */
#include "interest/started.h"

#include <assert.h>
#include <stdlib.h>

#include "conjure/base/alloc.h"
#include "interest/bits.h"

#define NOT_PARTIAL UINT32_MAX

void started_pieces_deinit(struct started_pieces *p)
{
    for (uint32_t i = 0; i < p->by_piece.n_slots; i++)
        free(p->by_piece.slots[i].value);
    id_map_deinit(&p->by_piece);
    free(p->partial);
    *p = STARTED_PIECES_EMPTY;
}

static void set_n_free(struct started_pieces *p, struct started *s, uint32_t n_free)
{
    if (n_free && s->partial_at == NOT_PARTIAL) {
        mem_reserve(&p->partial, &p->room, p->n_partial + 1, sizeof(struct started *));
        s->partial_at = (uint32_t)p->n_partial;
        p->partial[p->n_partial++] = s;
    } else if (!n_free && s->partial_at != NOT_PARTIAL) {
        p->partial[s->partial_at] = p->partial[--p->n_partial];
        p->partial[s->partial_at]->partial_at = s->partial_at;
        s->partial_at = NOT_PARTIAL;
    }
    s->n_free = n_free;
}

struct started *started_add(struct started_pieces *p, uint32_t piece, uint32_t n_blocks)
{
    uint32_t n_words = (n_blocks + 63) / 64;
    struct started *s = calloc(1, sizeof *s + (size_t)n_words * 3 * sizeof(uint64_t));

    if (!s)
        return NULL;
    s->piece = piece;
    s->n_blocks = n_blocks;
    s->n_words = n_words;
    s->stored = s->words;
    s->held = s->words + n_words;
    s->twice = s->words + (size_t)n_words * 2;
    s->partial_at = NOT_PARTIAL;
    id_map_put(&p->by_piece, piece, s);
    set_n_free(p, s, n_blocks);
    return s;
}

struct started *started_find(const struct started_pieces *p, uint32_t piece)
{
    return id_map_get(&p->by_piece, piece);
}

void started_remove(struct started_pieces *p, struct started *s)
{
    id_map_remove(&p->by_piece, s->piece);
    set_n_free(p, s, 0);
    free(s);
}

uint64_t started_store(struct started_pieces *p, struct started *s, uint32_t first, uint64_t blocks)
{
    uint32_t n_free;

    assert(first < s->n_blocks);
    blocks &= bits_low(s->n_blocks - first) & ~bits_get(s->stored, s->n_words, first);
    n_free = bits_count(blocks & ~bits_get(s->held, s->n_words, first));
    bits_set(s->stored, s->n_words, first, blocks);
    bits_clear(s->held, s->n_words, first, blocks);
    bits_clear(s->twice, s->n_words, first, blocks);
    s->n_stored += bits_count(blocks);
    set_n_free(p, s, s->n_free - n_free);
    return blocks;
}

uint64_t started_next_free(const struct started *s, uint32_t n_blocks, uint32_t *firstp)
{
    uint32_t w = 0, first;

    assert(s->n_free);
    while (!~(s->stored[w] | s->held[w]))
        w++;
    first = w * 64 + (uint32_t)__builtin_ctzll(~(s->stored[w] | s->held[w]));
    if (n_blocks > s->n_blocks - first)
        n_blocks = s->n_blocks - first;
    *firstp = first;
    return bits_low(n_blocks) &
           ~(bits_get(s->stored, s->n_words, first) | bits_get(s->held, s->n_words, first));
}

void started_hold(struct started_pieces *p, struct started *s, uint32_t first, uint64_t blocks)
{
    bits_set(s->held, s->n_words, first, blocks);
    set_n_free(p, s, s->n_free - bits_count(blocks));
}

uint64_t started_held_once(const struct started *s, uint32_t first, uint64_t blocks)
{
    return blocks & ~bits_get(s->twice, s->n_words, first);
}

void started_hold_again(struct started *s, uint32_t first, uint64_t blocks)
{
    bits_set(s->twice, s->n_words, first, blocks);
}

void started_release(struct started_pieces *p, struct started *s, uint32_t first, uint64_t blocks)
{
    uint64_t freed = started_held_once(s, first, blocks);

    bits_clear(s->twice, s->n_words, first, blocks & ~freed);
    bits_clear(s->held, s->n_words, first, freed);
    set_n_free(p, s, s->n_free + bits_count(freed));
}

uint64_t started_stored_bytes(const struct started_pieces *p, const struct geometry *g)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < p->by_piece.n_slots; i++) {
        const struct started *s = p->by_piece.slots[i].value;
        uint64_t n = s ? (uint64_t)s->n_stored * BLOCK_SIZE : 0;

        if (s && n > geometry_piece_size(g, s->piece))
            n = geometry_piece_size(g, s->piece);
        bytes += n;
    }
    return bytes;
}
