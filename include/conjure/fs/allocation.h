/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_FS_ALLOCATION_H
#define CONJURE_FS_ALLOCATION_H

/* How space on disk is allocated. */
enum allocation {
    ALLOCATION_SPARSE,  /* files have their full length, and holes until blocks are written */
    ALLOCATION_FULL,    /* files are allocated when the torrent is opened: no late ENOSPC */
    ALLOCATION_COMPACT, /* files grow as pieces arrive: for file systems without holes */
};

#endif
