/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_OWNERSHIP_H
#define CONJURE_SRC_FS_OWNERSHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/write_policy.h"
#include "fs/placement.h"

/*
 * Which files of the content are ours to write. A file that was there before the torrent, with
 * content, is foreign until a piece in it is verified: it is never written to or cut. Files that
 * resume data knows are ours, whatever is in them; therefore resume data is saved before the first
 * byte of content is written. Part files have names that nobody else uses.
 *
 * The content of a torrent that was complete belongs to its owner, who may change it. So at the
 * opening of such a torrent every file is foreign until all of its pieces are verified, unless
 * repairs are allowed. Pure; FS's thread, or the worker that opens the torrent.
 */
struct ownership {
    bool *foreign; /* one per file */
    uint32_t n_foreign;
    bool was_complete; /* all wanted pieces were verified once */
    bool strict;       /* a foreign file becomes ours only when it is complete */
    bool unrecorded;   /* resume data does not know all of our files */
};
#define OWNERSHIP_EMPTY ((struct ownership){0})

int ownership_init(struct ownership *o, uint32_t n_files); /* 0 or -ENOMEM */
void ownership_deinit(struct ownership *o);                /* safe twice */

/* At the opening. RESUME is NULL when there is none; STAMPS are the present ones. */
void ownership_begin(struct ownership *o, const struct store *store, const struct resume *resume,
                     const struct file_stamp *stamps, const struct write_policy *policy);

enum ownership_verdict {
    OWNERSHIP_CLEAR = 0, /* every file is ours */
    OWNERSHIP_OPEN,      /* doubtful pieces have to be checked first */
    OWNERSHIP_FOREIGN,   /* *FILEP must be left alone */
};
/* Judges the foreign files by the pieces that are verified now. A file becomes ours by one verified
 * piece; if it is longer than the torrent's, or they are judged
 * strictly, only when nothing is left to be
 * written to it. O(files + pieces) while there is a foreign file, else O(1). */
enum ownership_verdict ownership_judge(struct ownership *o, const struct placement *placement,
                                       const struct books *books, const struct file_stamp *stamps,
                                       uint32_t *filep);

#endif
