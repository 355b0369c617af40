/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_SCAN_H
#define CONJURE_SRC_FS_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/base/sha1.h"
#include "conjure/torrent/metainfo.h"

/*
 * Finds out which piece is in which slot (ALLOCATION_COMPACT), from digests of slots: the first
 * pass tests whether each slot holds its own piece, the second whether it holds another, the third
 * whether it holds the last piece, which may be shorter. Pure.
 */
enum scan_pass {
    SCAN_OWN,
    SCAN_OTHER,
    SCAN_LAST,
    SCAN_DONE,
};

struct scan {
    const struct metainfo *meta;
    enum scan_pass pass;
    uint32_t n_pieces;
    uint32_t *by_digest;       /* pieces in the order of their hashes */
    uint32_t *found;           /* slot -> piece or SLOT_NONE */
    struct bitfield placed;    /* pieces that were found */
    struct bitfield unmatched; /* slots for the next pass */
};
#define SCAN_EMPTY ((struct scan){0})

int scan_init(struct scan *x, const struct metainfo *meta); /* 0 or -ENOMEM */
void scan_deinit(struct scan *x);

/* Before the first scan_note: PIECE is in SLOT, as an earlier scan that was stopped has found. */
void scan_keep(struct scan *x, uint32_t slot, uint32_t piece);

/* How many bytes of SLOT this pass hashes. */
uint32_t scan_size(const struct scan *x, uint32_t slot);
/* This pass has read SLOT: DIGEST is NULL when it could not be read whole. */
void scan_note(struct scan *x, uint32_t slot, const uint8_t *digest);
/* All slots of this pass are noted: starts the next one. SLOTS becomes the slots to be hashed in
 * it; when there are none the pass is SCAN_DONE. */
void scan_next_pass(struct scan *x, struct bitfield *slots);

#endif
