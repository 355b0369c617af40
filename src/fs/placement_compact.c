/* SPDX-License-Identifier: MIT */
/*
 * Slots in the order of arrival. Resume data, with its table of slots, is believed when no file has
 * changed since; else every slot is read, in the passes of a scan.
 *
 * Pieces move between slots, and a move must not meet a write or a hash of the same bytes, so one
 * job runs at a time. That costs speed where it matters least: file systems without holes are slow.
 * A piece counts as completed only when it is in its own slot, so that no other module needs to
 * know of slots.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "fs/placement.h"
#include "fs/present.h"
#include "fs/scan.h"

struct compact {
    struct placement head;
    struct slots slots;
    struct scan scan; /* of a check under way */
};

static struct compact *compact_of(const struct placement *p)
{
    return container_of(p, struct compact, head);
}

static bool is_scanning(const struct compact *c)
{
    return c->scan.found != NULL;
}

static void compact_free(struct placement *p)
{
    struct compact *c = compact_of(p);

    slots_deinit(&c->slots);
    scan_deinit(&c->scan);
    free(c);
}

static uint32_t compact_slot_of(const struct placement *p, uint32_t piece)
{
    return compact_of(p)->slots.slot_of[piece];
}

static bool compact_takes(const struct placement *p, uint32_t piece)
{
    return compact_of(p)->slots.rank[piece] != SLOT_NONE;
}

static void compact_place(struct placement *p, uint32_t piece, struct slot_moves *movesp)
{
    slots_place(&compact_of(p)->slots, piece, movesp);
}

static void compact_undo(struct placement *p, const struct slot_moves *moves, unsigned n_done)
{
    slots_undo(&compact_of(p)->slots, moves, n_done);
}

static void compact_verify(const struct placement *p, struct books *b, uint32_t piece)
{
    books_verify(b, piece,
                 compact_slot_of(p, piece) == piece ? PIECE_IN_OWN_SLOT : PIECE_IN_OTHER_SLOT);
}

/* Whether no file has changed since resume data was written, while no write was under way. */
static bool is_unchanged(const struct store *store, const struct resume *resume,
                         const struct file_stamp *stamps)
{
    if (!resume || !resume->clean || !resume->slots)
        return false;
    for (uint32_t file = 0; file < store->n_files; file++)
        if (resume->parts[file] != store_is_part(store, file) ||
            !stamp_equal(&resume->stamps[file], &stamps[file]))
            return false;
    return true;
}

static int compact_adopt(struct placement *p, struct books *b, const struct resume *resume,
                         const struct file_stamp *stamps)
{
    struct compact *c = compact_of(p);

    if (!is_unchanged(p->store, resume, stamps)) {
        present_find_slots(p->store, stamps, &b->doubtful);
        return 0;
    }
    slots_load(&c->slots, resume->slots);
    for (uint32_t piece = 0; piece < p->store->n_pieces; piece++)
        if (bitfield_test(&resume->pieces, piece) && c->slots.slot_of[piece] != SLOT_NONE)
            compact_verify(p, b, piece);
    for (uint32_t slot = 0; slot < p->store->n_pieces; slot++)
        if (bitfield_test(&resume->doubtful, slot))
            bitfield_set(&b->doubtful, slot);
    return 0;
}

static int compact_find_present(const struct placement *p, const struct file_stamp *stamps,
                                struct bitfield *present)
{
    present_find_slots(p->store, stamps, present);
    return 0;
}

static enum save_verdict compact_may_save(const struct placement *p, const struct books *b,
                                          bool busy)
{
    if (is_scanning(compact_of(p)))
        return SAVE_NOW; /* the jobs of a scan only read */
    if (b->doubtful.n_set)
        return SAVE_NOTHING;
    return busy ? SAVE_LATER : SAVE_NOW;
}

/* The pieces found so far. Every other slot is as doubtful as at the beginning: resume data has no
 * record of the passes in which it was read. */
static void copy_scan(const struct scan *scan, struct resume *r)
{
    memcpy(r->pieces.bytes, scan->placed.bytes, bitfield_size(scan->placed.n_bits));
    r->pieces.n_set = scan->placed.n_set;
    for (uint32_t slot = 0; slot < scan->n_pieces; slot++)
        if (bitfield_test(&scan->unmatched, slot))
            bitfield_set(&r->doubtful, slot);
}

static int compact_snapshot(const struct placement *p, struct resume *r)
{
    const struct compact *c = compact_of(p);
    size_t size = (size_t)p->store->n_pieces * sizeof *r->slots;

    r->slots = malloc(size + 1);
    if (!r->slots)
        return -ENOMEM;
    memcpy(r->slots, is_scanning(c) ? c->scan.found : c->slots.piece_in, size);
    if (is_scanning(c)) {
        r->clean = true;
        copy_scan(&c->scan, r);
    }
    return 0;
}

static int compact_begin_check(struct placement *p, struct books *b, enum check_scope scope)
{
    struct compact *c = compact_of(p);
    struct scan scan;

    if (!b->doubtful.n_set)
        return 0;
    if (scan_init(&scan, p->store->meta))
        return -ENOMEM;
    scan_deinit(&c->scan);
    c->scan = scan;
    for (uint32_t piece = 0; scope == CHECK_DOUBTFUL && piece < p->store->n_pieces; piece++)
        if (bitfield_test(&b->verified, piece))
            scan_keep(&c->scan, c->slots.slot_of[piece], piece);
    bitfield_clear_all(&b->verified);
    bitfield_clear_all(&b->have);
    for (uint32_t piece = 0; piece < p->store->n_pieces; piece++)
        books_drop_partial(b, piece);
    return 0;
}

static uint32_t compact_check_size(const struct placement *p, uint32_t slot)
{
    return scan_size(&compact_of(p)->scan, slot);
}

static uint32_t compact_check_piece(const struct placement *p, uint32_t slot,
                                    const uint8_t **expectedp)
{
    *expectedp = NULL;
    return compact_of(p)->scan.pass == SCAN_OWN ? slot : SLOT_NONE;
}

static uint32_t compact_found(struct placement *p, struct books *b, uint32_t slot,
                              const uint8_t *digest)
{
    struct scan *scan = &compact_of(p)->scan;

    scan_note(scan, slot, digest);
    return scan->found[slot];
}

static bool compact_end_pass(struct placement *p, struct books *b)
{
    struct compact *c = compact_of(p);

    if (!is_scanning(c))
        return false;
    scan_next_pass(&c->scan, &b->doubtful);
    if (c->scan.pass != SCAN_DONE)
        return true;
    slots_load(&c->slots, c->scan.found);
    scan_deinit(&c->scan);
    for (uint32_t piece = 0; piece < p->store->n_pieces; piece++)
        if (c->slots.slot_of[piece] != SLOT_NONE)
            compact_verify(p, b, piece);
    return false;
}

static const struct placement_ops compact_ops = {
    .one_job_at_a_time = true,
    .free = compact_free,
    .slot_of = compact_slot_of,
    .takes = compact_takes,
    .place = compact_place,
    .undo = compact_undo,
    .verify = compact_verify,
    .adopt = compact_adopt,
    .find_present = compact_find_present,
    .may_save = compact_may_save,
    .snapshot = compact_snapshot,
    .begin_check = compact_begin_check,
    .check_size = compact_check_size,
    .check_piece = compact_check_piece,
    .found = compact_found,
    .end_pass = compact_end_pass,
};

static bool is_wanted(const void *store, uint32_t piece)
{
    return store_piece_is_wanted(store, piece);
}

struct placement *placement_new_compact(const struct store *store)
{
    struct compact *c = malloc(sizeof *c);

    if (!c)
        return NULL;
    *c = (struct compact){.head = {&compact_ops, store}};
    if (slots_init(&c->slots, store->n_pieces, is_wanted, store)) {
        compact_free(&c->head);
        return NULL;
    }
    return &c->head;
}
