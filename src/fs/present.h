/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_PRESENT_H
#define CONJURE_SRC_FS_PRESENT_H

#include "conjure/base/bitfield.h"
#include "fs/stamps.h"

/*
 * Which pieces may be on disk, from the sizes of files (STAMPS, one per file) and from their holes.
 * Only these need to be hashed. Any thread.
 */

/* Every piece in its own place. PRESENT is initialised. ASKED: only these pieces matter, and no
 * file without a byte of them is opened; NULL: all. Blocks on the disk. 0 or -errno. */
int present_find(const struct store *store, const struct file_stamp *stamps,
                 const struct bitfield *asked, struct bitfield *present);
/* Pieces in any slot: the slots that can hold one. */
void present_find_slots(const struct store *store, const struct file_stamp *stamps,
                        struct bitfield *present);
/* Adds the pieces that have a byte in [FROM, TO) of the content. */
void present_add(struct bitfield *pieces, const struct store *store, uint64_t from, uint64_t to);

#endif
