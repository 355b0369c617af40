/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_RESUME_H
#define CONJURE_SRC_FS_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/fs/allocation.h"
#include "conjure/torrent/metainfo.h"

struct file_stamp;

/*
 * Resume data: which pieces and blocks a torrent's files hold, as a B-coded file. It never claims
 * more than the disk has: the snapshot is taken first, then the files are synced, then this is
 * written (save.c).
 *
 *   conjure     version, 1
 *   info-hash   20 bytes
 *   allocation  "sparse", "full" or "compact"
 *   checking    1 while a check of all pieces, as the user asked, has not ended; may be absent
 *   clean       1 when no block is being written: at the end of the program, in a scan (compact)
 *   complete    1 when all wanted pieces are verified, or were at an earlier save (ownership.h);
 *               may be absent
 *   doubtful    bitfield of pieces (compact: slots) that a check had not hashed yet; may be absent
 *   pieces      bitfield of verified pieces; a piece that is neither here nor doubtful is missing
 *   partial     list of [piece, bits of blocks on disk]
 *   foreign     list of the numbers of files that are not ours (ownership.h); may be absent
 *   files       list of [size or -1 when there is none, mtime in ns, 1 when in a part file, inode
 *               number if it is stable]
 *   slots       compact: for each slot a 4-byte big-endian piece number, ffffffff for none
 *   uploaded, downloaded   bytes of all runs
 */
struct resume_partial {
    uint32_t piece, n_blocks;
    uint64_t *blocks; /* owned */
};

struct resume {
    enum allocation allocation;
    bool clean, checking, complete;
    uint64_t uploaded, downloaded;
    struct bitfield pieces, doubtful;
    uint32_t n_partials;
    struct resume_partial *partials;
    uint32_t n_files;
    struct file_stamp *stamps;
    bool *parts;     /* per file: it was stored as a part file */
    bool *foreign;   /* per file: see ownership.h */
    uint32_t *slots; /* the piece in each slot or SLOT_NONE; or NULL */
};

#define RESUME_FILE_MAX (64u << 20) /* bytes; a torrent of 4 million pieces has half of that */

/* All 0, with tables of the size that META needs. NULL without memory. */
struct resume *resume_new(const struct metainfo *meta);
void resume_free(struct resume *r); /* NULL is fine */

/* Any thread. *BYTESP is the caller's. 0 or -ENOMEM. */
int resume_encode(const struct resume *r, const struct metainfo *meta, uint8_t **bytesp,
                  size_t *np);
enum {
    RESUME_CORRUPT = 1, /* these bytes are no resume data of this torrent */
};
/* 0, RESUME_CORRUPT or -ENOMEM. *RESUMEP is the caller's. */
int resume_decode(const uint8_t *bytes, size_t n, const struct metainfo *meta,
                  struct resume **resumep);

#endif
