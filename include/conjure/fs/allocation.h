/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_FS_ALLOCATION_H
#define CONJURE_FS_ALLOCATION_H

/* How room on disk is taken. */
enum allocation {
    ALLOCATION_SPARSE, /* files have their full length and holes, blocks come as they are written */
    ALLOCATION_FULL,   /* all blocks are reserved first (fallocate): no late "disk full" */
    ALLOCATION_COMPACT, /* files grow as pieces arrive: for file systems without holes */
};

#endif
