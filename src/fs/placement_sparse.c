/* SPDX-License-Identifier: MIT */
/*
 * Each piece in its own slot. Resume data is believed for pieces whose files have the size and the
 * mtime that it has for them. The pieces of other files are doubtful if they can be on disk at all,
 * even when resume data does not claim them: so pieces that were written after the last save are
 * found again. After a kill the mtimes are newer, which costs no more than hashing.
 */
#include "fs/placement.h"

#include <stdlib.h>

#include "fs/present.h"

static void sparse_free(struct placement *p)
{
    free(p);
}

static uint32_t sparse_slot_of(const struct placement *p, uint32_t piece)
{
    return piece;
}

static bool sparse_takes(const struct placement *p, uint32_t piece)
{
    return true;
}

static void sparse_verify(const struct placement *p, struct books *b, uint32_t piece)
{
    bitfield_clear(&b->doubtful, piece);
    books_verify(b, piece, PIECE_IN_OWN_SLOT);
}

/* Adds the pieces of files that differ from resume data, and those that a stopped check had not
 * hashed. */
static void find_touched(const struct store *store, const struct resume *resume,
                         const struct file_stamp *stamps, struct bitfield *touched)
{
    for (uint32_t piece = 0; resume && resume->doubtful.n_set && piece < store->n_pieces; piece++)
        if (bitfield_test(&resume->doubtful, piece))
            bitfield_set(touched, piece);
    for (uint32_t file = 0; file < store->n_files; file++) {
        const struct metainfo_file *f = metainfo_file(store->meta, file);

        if (!resume || resume->parts[file] != store_is_part(store, file) ||
            (!stamps[file].exists && !f->padding) ||
            !stamp_equal(&resume->stamps[file], &stamps[file]))
            present_add(touched, store, f->offset, f->offset + f->length);
    }
}

static int sparse_adopt(struct placement *p, struct books *b, const struct resume *resume,
                        const struct file_stamp *stamps)
{
    const struct store *store = p->store;
    struct bitfield touched, present = BITFIELD_EMPTY;
    int r = bitfield_init(&touched, store->n_pieces);

    if (!r)
        find_touched(store, resume, stamps, &touched);
    if (!r && touched.n_set) /* else no file is opened: that makes a start fast */
        r = bitfield_init(&present, store->n_pieces);
    if (!r && touched.n_set)
        r = present_find(store, stamps, &touched, &present);
    for (uint32_t piece = 0; !r && piece < store->n_pieces; piece++) {
        if (bitfield_test(&touched, piece)) {
            if (bitfield_test(&present, piece))
                bitfield_set(&b->doubtful, piece);
        } else if (bitfield_test(&resume->pieces, piece)) {
            sparse_verify(p, b, piece);
        }
    }
    bitfield_deinit(&touched);
    bitfield_deinit(&present);
    return r;
}

static int sparse_find_present(const struct placement *p, const struct file_stamp *stamps,
                               struct bitfield *present)
{
    return present_find(p->store, stamps, NULL, present);
}

static enum save_verdict sparse_may_save(const struct placement *p, const struct books *b,
                                         bool busy)
{
    return SAVE_NOW;
}

static int sparse_snapshot(const struct placement *p, struct resume *r)
{
    r->clean = true;
    return 0;
}

static uint32_t sparse_check_size(const struct placement *p, uint32_t slot)
{
    return store_piece_size(p->store, slot);
}

static uint32_t sparse_check_piece(const struct placement *p, uint32_t slot,
                                   const uint8_t **expectedp)
{
    *expectedp = metainfo_piece_hash(p->store->meta, slot);
    return slot;
}

static uint32_t sparse_found(struct placement *p, struct books *b, uint32_t slot,
                             const uint8_t *digest)
{
    if (!digest)
        return SLOT_NONE;
    sparse_verify(p, b, slot);
    return slot;
}

static bool sparse_end_pass(struct placement *p, struct books *b)
{
    return false;
}

static const struct placement_ops sparse_ops = {
    .stamps_vouch = true,
    .free = sparse_free,
    .slot_of = sparse_slot_of,
    .takes = sparse_takes,
    .verify = sparse_verify,
    .adopt = sparse_adopt,
    .find_present = sparse_find_present,
    .may_save = sparse_may_save,
    .snapshot = sparse_snapshot,
    .check_size = sparse_check_size,
    .check_piece = sparse_check_piece,
    .found = sparse_found,
    .end_pass = sparse_end_pass,
};

struct placement *placement_new_sparse(const struct store *store)
{
    struct placement *p = malloc(sizeof *p);

    if (p)
        *p = (struct placement){&sparse_ops, store};
    return p;
}
