/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_SLOTS_H
#define CONJURE_SRC_FS_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Which slot holds which piece when slots are used in the order of arrival (ALLOCATION_COMPACT).
 * Slots and pieces have the same numbers; only slots of wanted pieces are used. Pure.
 *
 * INVARIANT: a stored piece whose own slot is among the used ones is in it. So when all pieces are
 * stored each is in its own slot; and the last slot, which may be shorter than a piece, never holds
 * another piece than its own.
 */
#define SLOT_NONE UINT32_MAX

struct slot_move {
    uint32_t piece, from, to;
};
/* Moves to be carried out in this order before PIECE is written. */
struct slot_moves {
    struct slot_move move[2];
    unsigned n;
    uint32_t piece;
    bool grew; /* one more slot is used than before */
};

struct slots {
    uint32_t n_pieces;
    uint32_t n_slots;   /* wanted pieces */
    uint32_t n_used;    /* the first so many of `order` */
    uint32_t n_free;    /* of these, slots that hold nothing */
    uint32_t free_from; /* none of them is before this place in `order` */
    uint32_t *order;    /* the wanted pieces, ascending */
    uint32_t *rank;     /* piece -> its place in `order`, or SLOT_NONE */
    uint32_t *piece_in; /* slot -> the piece in it, or SLOT_NONE */
    uint32_t *slot_of;  /* piece -> the slot that it is in, or SLOT_NONE */
};
#define SLOTS_EMPTY ((struct slots){0})

/* WANTED says which pieces are. 0 or -ENOMEM. */
int slots_init(struct slots *s, uint32_t n_pieces, bool (*wanted)(const void *arg, uint32_t piece),
               const void *arg);
void slots_deinit(struct slots *s);

/* Gives a wanted PIECE that is in no slot one. */
void slots_place(struct slots *s, uint32_t piece, struct slot_moves *movesp);
/* Only the first N_DONE of these moves were carried out: PIECE is in no slot. */
void slots_undo(struct slots *s, const struct slot_moves *moves, unsigned n_done);

/* Replaces the map by what was found on disk: FOUND[slot] is a piece or SLOT_NONE. A piece that is
 * found twice, or that would break the invariant, is left out. */
void slots_load(struct slots *s, const uint32_t *found);

#endif
