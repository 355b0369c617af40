/* SPDX-License-Identifier: MIT */
/*
 * The original client's scheme. A new piece takes its own slot if that is used and empty, else any
 * used slot that is empty, else the next slot. If the piece that belongs in that slot is stored in
 * another one, it moves to its own slot, and the new piece takes the slot that it left. If another
 * piece occupies the new piece's own slot, that piece moves to the slot that was found, and the new
 * piece is written to its own. So at most two pieces move for one that arrives.
 */
#include "fs/slots.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static uint32_t *table(uint32_t n)
{
    uint32_t *t = malloc(((size_t)n + 1) * sizeof *t);

    for (uint32_t i = 0; t && i < n; i++)
        t[i] = SLOT_NONE;
    return t;
}

int slots_init(struct slots *s, uint32_t n_pieces, bool (*wanted)(const void *arg, uint32_t piece),
               const void *arg)
{
    *s = (struct slots){.n_pieces = n_pieces,
                        .order = table(n_pieces),
                        .rank = table(n_pieces),
                        .piece_in = table(n_pieces),
                        .slot_of = table(n_pieces)};
    if (!s->order || !s->rank || !s->piece_in || !s->slot_of) {
        slots_deinit(s);
        return -ENOMEM;
    }
    for (uint32_t piece = 0; piece < n_pieces; piece++)
        if (wanted(arg, piece)) {
            s->rank[piece] = s->n_slots;
            s->order[s->n_slots++] = piece;
        }
    return 0;
}

void slots_deinit(struct slots *s)
{
    free(s->order);
    free(s->rank);
    free(s->piece_in);
    free(s->slot_of);
    *s = SLOTS_EMPTY;
}

static bool is_used(const struct slots *s, uint32_t slot)
{
    return s->rank[slot] < s->n_used;
}

/* Books what SLOT holds. */
static void set(struct slots *s, uint32_t slot, uint32_t piece)
{
    if (is_used(s, slot)) {
        s->n_free += (piece == SLOT_NONE) - (s->piece_in[slot] == SLOT_NONE);
        if (piece == SLOT_NONE && s->rank[slot] < s->free_from)
            s->free_from = s->rank[slot];
    }
    s->piece_in[slot] = piece;
}

/* The next slot, which holds nothing. */
static uint32_t grow(struct slots *s)
{
    if (!s->n_free++)
        s->free_from = s->n_used;
    return s->order[s->n_used++];
}

static void shrink(struct slots *s)
{
    s->n_free--;
    s->n_used--;
}

static void put(struct slots *s, uint32_t piece, uint32_t slot)
{
    set(s, slot, piece);
    s->slot_of[piece] = slot;
}

static void move(struct slots *s, struct slot_moves *moves, uint32_t piece, uint32_t to)
{
    uint32_t from = s->slot_of[piece];

    moves->move[moves->n++] = (struct slot_move){piece, from, to};
    set(s, from, SLOT_NONE);
    put(s, piece, to);
}

/* An empty slot among the first n_used of `order`, or SLOT_NONE. */
static uint32_t find_free(struct slots *s)
{
    if (!s->n_free)
        return SLOT_NONE;
    while (s->piece_in[s->order[s->free_from]] != SLOT_NONE)
        s->free_from++;
    return s->order[s->free_from];
}

void slots_place(struct slots *s, uint32_t piece, struct slot_moves *moves)
{
    uint32_t room, free_from;

    assert(s->rank[piece] != SLOT_NONE && s->slot_of[piece] == SLOT_NONE);
    *moves = (struct slot_moves){.piece = piece};
    if (is_used(s, piece) && s->piece_in[piece] == SLOT_NONE) {
        put(s, piece, piece);
        return;
    }
    room = find_free(s);
    free_from = s->free_from;
    if (room == SLOT_NONE) {
        room = grow(s);
        free_from = s->free_from;
        moves->grew = true;
        if (s->slot_of[room] != SLOT_NONE) {
            uint32_t old = s->slot_of[room];

            move(s, moves, room, room);
            room = old;
        }
    }
    if (room != piece && is_used(s, piece)) {
        uint32_t guest = s->piece_in[piece];

        if (guest != SLOT_NONE)
            move(s, moves, guest, room);
        room = piece;
    }
    put(s, piece, room);
    s->free_from = free_from; /* the moves have filled the slots that they have emptied */
}

void slots_undo(struct slots *s, const struct slot_moves *moves, unsigned n_done)
{
    uint32_t slot = s->slot_of[moves->piece];

    set(s, slot, SLOT_NONE);
    s->slot_of[moves->piece] = SLOT_NONE;
    for (unsigned i = moves->n; i > n_done; i--) {
        const struct slot_move *m = &moves->move[i - 1];

        set(s, m->to, SLOT_NONE);
        put(s, m->piece, m->from);
    }
    /* The slot that was added never received its piece: it is not used any more. */
    if (moves->grew && n_done == 0 && moves->n && s->piece_in[s->order[s->n_used - 1]] == SLOT_NONE)
        shrink(s);
}

void slots_load(struct slots *s, const uint32_t *found)
{
    s->n_used = s->n_free = s->free_from = 0;
    for (uint32_t slot = 0; slot < s->n_pieces; slot++) {
        s->piece_in[slot] = SLOT_NONE;
        s->slot_of[slot] = SLOT_NONE;
    }
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (found[s->order[i]] != SLOT_NONE)
            s->n_used = i + 1;
    s->n_free = s->n_used;
    for (uint32_t i = 0; i < s->n_used; i++) {
        uint32_t slot = s->order[i], piece = found[slot];

        if (piece == SLOT_NONE || s->rank[piece] == SLOT_NONE || s->slot_of[piece] != SLOT_NONE)
            continue;
        if (slot == piece || !is_used(s, piece))
            put(s, piece, slot);
    }
    /* Slots at the end that were left empty are not used. */
    while (s->n_used && s->piece_in[s->order[s->n_used - 1]] == SLOT_NONE)
        shrink(s);
}
