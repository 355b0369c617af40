/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_STAMPS_H
#define CONJURE_SRC_FS_STAMPS_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/store.h"

/* Sizes, modification times and inode numbers of files: they show when another program has changed
 * the content. */
struct file_stamp {
    bool exists; /* as a regular file; else the rest is 0 */
    uint64_t size;
    int64_t mtime_ns;
    uint64_t inode; /* 0: unknown, equal to any */
};

bool stamp_equal(const struct file_stamp *a, const struct file_stamp *b);
/* Whether the open file FD still has this stamp. */
bool stamp_fits(const struct store *store, const struct file_stamp *stamp, int fd);
/* The inode number of the open file FD; 0 when it says nothing. */
uint64_t stamp_inode(const struct store *store, int fd);
/* Any thread; these block on the disk. 0 or -errno; a missing file is no error. */
int stamp_read(const struct store *store, uint32_t file, struct file_stamp *stampp);
/* -ECANCELED once *CANCELLED, which may be NULL. */
int stamps_read_all(const struct store *store, struct file_stamp *stamps,
                    const _Atomic bool *cancelled);

/* *FILEP becomes a file with content that is the same one as another of the torrent, by a hard link
 * or a file system that ignores case; STAMPS_NONE when there is none. 0 or -ENOMEM. */
#define STAMPS_NONE UINT32_MAX
int stamps_find_shared(const struct store *store, const struct file_stamp *stamps, uint32_t *filep);

/* Why a file has to be synced before resume data claims more of it. */
enum {
    UNSYNCED_WRITTEN = 1, /* we wrote to it: its stamp is read again after the sync */
    UNSYNCED_CHECKED = 2, /* a check verified it; another program may have just written it */
    /* A sync failed: the disk may not have what we wrote, and no later sync will say so. Stays
     * until the torrent is opened again and the file is hashed. */
    UNSYNCED_FAILED = 4,
};

/* The stamps of a torrent's files as the last resume data has them, and which files changed
 * since. */
struct stamps {
    struct file_stamp *files; /* one per file */
    uint8_t *unsynced;        /* one per file: changes since its last sync began */
    uint64_t *written;        /* one per file: the inode that we wrote to; or 0 */
};
#define STAMPS_EMPTY ((struct stamps){0})

int stamps_init(struct stamps *s, uint32_t n_files); /* 0 or -ENOMEM */
void stamps_deinit(struct stamps *s);                /* safe twice */
enum stamps_verdict {
    STAMPS_SAME = 0,
    STAMPS_REPLACED, /* another file has taken its place */
};
/* We wrote to FILE, of this INODE. It is never believed again once it was REPLACED, like one whose
 * sync failed: what we wrote is in more than one file. */
enum stamps_verdict stamps_note_written(struct stamps *s, uint32_t file, uint64_t inode);
/* Adds MARK to the files of the first SIZE bytes of SLOT. */
void stamps_mark(struct stamps *s, const struct store *store, uint8_t mark, uint32_t slot,
                 uint32_t size, enum padding padding);

#endif
