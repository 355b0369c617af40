/* SPDX-License-Identifier: MIT */
#include "fs/ownership.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ownership_init(struct ownership *o, uint32_t n_files)
{
    *o = OWNERSHIP_EMPTY;
    o->foreign = calloc((size_t)n_files + 1, sizeof *o->foreign);
    return o->foreign ? 0 : -ENOMEM;
}

void ownership_deinit(struct ownership *o)
{
    free(o->foreign);
    *o = OWNERSHIP_EMPTY;
}

/* A file that was stored as a part file has not been at its path. */
static bool is_known(const struct resume *resume, uint32_t file)
{
    return resume && !resume->parts[file] && !resume->foreign[file];
}

void ownership_begin(struct ownership *o, const struct store *store, const struct resume *resume,
                     const struct file_stamp *stamps, enum overwriting overwriting)
{
    for (uint32_t file = 0; file < store->n_files; file++) {
        if (store_is_part(store, file) || is_known(resume, file))
            continue;
        o->unrecorded = true;
        /* We never write to a file of length 0. */
        o->foreign[file] = overwriting == OVERWRITE_NOTHING && stamps[file].exists &&
                           stamps[file].size && metainfo_file(store->meta, file)->length;
        o->n_foreign += o->foreign[file];
    }
}

/* Marks the files that have a byte of a verified piece. */
static void find_used(const struct placement *placement, const struct books *books, bool *used)
{
    const struct store *store = placement->store;

    for (uint32_t piece = 0; piece < store->n_pieces; piece++) {
        uint32_t slot = placement_slot_of(placement, piece);
        uint64_t at = (uint64_t)slot * store->piece_length;
        uint64_t end = at + store_piece_size(store, piece);
        struct extent e;

        if (!bitfield_test(&books->verified, piece))
            continue;
        while (store_next_extent(store, &at, end, store_padding_of(slot, piece), &e))
            if (e.file != STORE_PADDING)
                used[e.file] = true;
    }
}

static enum ownership_verdict judge_file(const struct store *store, const struct books *books,
                                         uint32_t file, bool used, bool longer)
{
    const struct metainfo_file *f = metainfo_file(store->meta, file);
    bool doubtful = false, complete = true;

    for (uint64_t slot = f->offset / store->piece_length;
         slot <= (f->offset + f->length - 1) / store->piece_length; slot++) {
        doubtful |= bitfield_test(&books->doubtful, (uint32_t)slot);
        complete &= bitfield_test(&books->have, (uint32_t)slot);
    }
    if (longer ? complete : used)
        return OWNERSHIP_CLEAR;
    return doubtful ? OWNERSHIP_OPEN : OWNERSHIP_FOREIGN;
}

enum ownership_verdict ownership_judge(struct ownership *o, const struct placement *placement,
                                       const struct books *books, const struct file_stamp *stamps,
                                       uint32_t *filep)
{
    const struct store *store = placement->store;
    bool *used = o->n_foreign ? calloc(store->n_files, sizeof *used) : NULL;

    /* Without memory no file is used by a verified piece: none becomes ours by mistake. */
    if (used)
        find_used(placement, books, used);
    for (uint32_t file = 0; file < store->n_files && o->n_foreign; file++) {
        enum ownership_verdict verdict;

        if (!o->foreign[file])
            continue;
        verdict = judge_file(store, books, file, used && used[file],
                             stamps[file].size > metainfo_file(store->meta, file)->length);
        if (verdict == OWNERSHIP_FOREIGN) {
            *filep = file;
            free(used);
            return OWNERSHIP_FOREIGN;
        }
        if (verdict == OWNERSHIP_CLEAR) {
            o->foreign[file] = false;
            o->n_foreign--;
        }
    }
    free(used);
    return o->n_foreign ? OWNERSHIP_OPEN : OWNERSHIP_CLEAR;
}
