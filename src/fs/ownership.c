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

/* Whether every file that is wanted now was complete when RESUME was saved. */
static bool was_complete(const struct store *store, const struct resume *resume)
{
    if (!resume || !resume->complete)
        return false;
    for (uint32_t file = 0; file < store->n_files; file++)
        if (resume->parts[file] && !store_is_part(store, file))
            return false;
    return true;
}

void ownership_begin(struct ownership *o, const struct store *store, const struct resume *resume,
                     const struct file_stamp *stamps, const struct write_policy *policy)
{
    o->was_complete = was_complete(store, resume) && !policy->repair_changed;
    o->strict = o->was_complete || policy->seed_only;
    for (uint32_t file = 0; file < store->n_files; file++) {
        const struct metainfo_file *f = metainfo_file(store->meta, file);
        bool known = is_known(resume, file), used = stamps[file].exists && stamps[file].size;

        if (store_is_part(store, file) || f->padding)
            continue;
        o->unrecorded |= !known;
        /* We never write to a file of length 0. */
        if (!f->length)
            continue;
        if (o->strict)
            o->foreign[file] = used || !policy->repair_gone || policy->seed_only;
        else
            o->foreign[file] = used && !known && !policy->overwrite;
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

/* Whether SLOT has a byte of a file that is gone. */
static bool lacks_file(const struct store *store, const struct file_stamp *stamps, uint32_t slot)
{
    uint64_t at = (uint64_t)slot * store->piece_length;
    uint64_t end = at + store_piece_size(store, slot);
    struct extent e;

    while (store_next_extent(store, &at, end, store_padding_of(slot, slot), &e))
        if (e.file != STORE_PADDING && !store_is_part(store, e.file) &&
            !(stamps[e.file].exists && stamps[e.file].size))
            return true;
    return false;
}

static enum ownership_verdict judge_file(const struct ownership *o, const struct store *store,
                                         const struct books *books, const struct file_stamp *stamps,
                                         uint32_t file, bool used)
{
    const struct metainfo_file *f = metainfo_file(store->meta, file);
    bool longer = stamps[file].size > f->length, doubtful = false, complete = true;
    /* A piece that the file shares with one that is gone says nothing about it. */
    bool excusing = o->strict && stamps[file].exists && !longer;

    for (uint64_t slot = f->offset / store->piece_length;
         slot <= (f->offset + f->length - 1) / store->piece_length; slot++) {
        doubtful |= bitfield_test(&books->doubtful, (uint32_t)slot);
        complete &= bitfield_test(&books->have, (uint32_t)slot) ||
                    (excusing && lacks_file(store, stamps, (uint32_t)slot));
    }
    if (longer || o->strict ? complete : used)
        return OWNERSHIP_CLEAR;
    return doubtful ? OWNERSHIP_OPEN : OWNERSHIP_FOREIGN;
}

/* Whether a piece is wrong that lies in FILE alone. */
static bool has_wrong_piece(const struct store *store, const struct books *books, uint32_t file)
{
    const struct metainfo_file *f = metainfo_file(store->meta, file);
    uint64_t end = (f->offset + f->length) / store->piece_length;

    for (uint64_t slot = (f->offset + store->piece_length - 1) / store->piece_length; slot < end;
         slot++)
        if (!bitfield_test(&books->have, (uint32_t)slot))
            return true;
    return false;
}

/* Whether rather A than B has made a piece wrong that they share: it has other wrong pieces, or is
 * gone, or was changed later. */
static bool is_at_fault(const struct store *store, const struct books *books,
                        const struct file_stamp *stamps, uint32_t a, uint32_t b)
{
    bool a_wrong = has_wrong_piece(store, books, a), b_wrong = has_wrong_piece(store, books, b);

    if (a_wrong != b_wrong)
        return a_wrong;
    return stamps[b].exists && (!stamps[a].exists || stamps[a].mtime_ns > stamps[b].mtime_ns);
}

enum ownership_verdict ownership_judge(struct ownership *o, const struct placement *placement,
                                       const struct books *books, const struct file_stamp *stamps,
                                       uint32_t *filep)
{
    const struct store *store = placement->store;
    bool *used = o->n_foreign ? calloc(store->n_files, sizeof *used) : NULL;
    bool found = false, open = false;

    /* Without memory no file is used by a verified piece: none becomes ours by mistake. */
    if (used)
        find_used(placement, books, used);
    for (uint32_t file = 0; file < store->n_files && o->n_foreign; file++) {
        enum ownership_verdict verdict;

        if (!o->foreign[file])
            continue;
        verdict = judge_file(o, store, books, stamps, file, used && used[file]);
        if (verdict == OWNERSHIP_FOREIGN) {
            if (!found || (o->strict && is_at_fault(store, books, stamps, file, *filep)))
                *filep = file;
            found = true;
        }
        open |= verdict == OWNERSHIP_OPEN;
        if (verdict == OWNERSHIP_CLEAR) {
            o->foreign[file] = false;
            o->n_foreign--;
        }
    }
    free(used);
    /* With all pieces checked, the right one of the files that were complete is named. */
    if (found && !(o->strict && open))
        return OWNERSHIP_FOREIGN;
    return o->n_foreign ? OWNERSHIP_OPEN : OWNERSHIP_CLEAR;
}
