/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_STORE_H
#define CONJURE_SRC_FS_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/fs/allocation.h"
#include "conjure/fs/file_mode.h"
#include "conjure/torrent/metainfo.h"

/*
 * The layout of the content: slots of piece length, each in one or several files. Immutable once
 * the torrent is open: any thread may call the functions of a const store; those that open files
 * may block.
 *
 * Padding (BEP 47) is zeros and never on disk. The bytes that wanted pieces have in a file that is
 * not wanted are stored in a part file, ".NAME-INFOHASH8.parts/NUMBER" in the download folder, at
 * the offsets that they have in the file itself. With compact allocation a slot can hold another
 * piece than its own; its bytes over padding are then stored in the part file of the padding.
 */
struct store {
    const struct metainfo *meta; /* outlives the store */
    int dir_fd;                  /* the download folder, the caller's */
    enum allocation allocation;
    bool *skip_file; /* owned; or NULL */
    char *parts;     /* name of the folder of part files, owned */
    uint32_t n_pieces, piece_length, n_files;
    uint64_t total_length;
    bool stable_inodes; /* a file keeps its inode number while it is on this disk */
};
#define STORE_EMPTY ((struct store){.dir_fd = -1})

#define STORE_PADDING UINT32_MAX /* in place of the number of a file: zeros */

struct extent {
    uint32_t file;
    uint32_t length;
    uint64_t offset; /* in the file */
};

/* Whether the bytes of a slot that lie over padding are on disk. */
enum padding {
    PADDING_IMPLIED, /* zeros: the slot holds its own piece */
    PADDING_STORED,  /* in part files: the slot holds another piece */
};

static inline enum padding store_padding_of(uint32_t slot, uint32_t piece)
{
    return slot == piece ? PADDING_IMPLIED : PADDING_STORED;
}

/* SKIP_FILE (one per file, copied; or NULL) says which files are not wanted. DIR_FD stays open
 * until the store ends. 0 or -ENOMEM. */
int store_init(struct store *s, const struct metainfo *meta, int dir_fd, enum allocation allocation,
               const bool *skip_file);
void store_deinit(struct store *s); /* safe twice */

uint32_t store_piece_size(const struct store *s, uint32_t piece); /* bytes */
uint32_t store_n_blocks(const struct store *s, uint32_t piece);
/* Whether files grow as pieces arrive, so that a short or missing file is no error (compact). */
static inline bool store_files_grow(const struct store *s)
{
    return s->allocation == ALLOCATION_COMPACT;
}

/* The next part of content [*ATP, END) that lies in one file; advances *ATP. False at the end. */
bool store_next_extent(const struct store *s, uint64_t *atp, uint64_t end, enum padding padding,
                       struct extent *extentp);

/* Opens FILE; the caller closes *FDP. FILE_WRITE sets its length (files that grow are only
 * truncated to it) and the executable bit of BEP 47. 0, FILE_MISSING or -errno. */
int store_open_file(const struct store *s, uint32_t file, enum file_mode mode, int *fdp);
bool store_is_part(const struct store *s, uint32_t file); /* FILE is stored as a part file */
/* The path of FILE below the download folder: a constant, or BUFFER. */
#define STORE_PATH_MAX 280
const char *store_path(const struct store *s, uint32_t file, char buffer[STORE_PATH_MAX]);
bool store_piece_is_wanted(const struct store *s, uint32_t piece);
/* Moves the part file of FILE, which is wanted now, into place. Where there is a file already the
 * part file is removed. 0, PART_PLACED or -errno. */
enum {
    PART_PLACED = 1,
};
int store_place_part(const struct store *s, uint32_t file);
bool store_has_parts(const struct store *s); /* there is a folder of part files */
/* Removes the folder of part files if it is empty. */
void store_remove_parts(const struct store *s);

#endif
