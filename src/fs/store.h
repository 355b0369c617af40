/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_STORE_H
#define CONJURE_SRC_FS_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/fs/allocation.h"
#include "conjure/fs/handle_pool.h"
#include "conjure/torrent/metainfo.h"

/*
 * Where the bytes of the content live: slots of piece size over one or many files. Immutable once
 * made, so workers may read it.
 *
 * Padding (BEP 47) is zeros and never on disk. What wanted pieces hold of a file that is not wanted
 * goes to a part file, ".NAME-INFOHASH8.parts/NUMBER" in the download folder, at the offsets it would
 * have in the file itself. With compact allocation a slot can hold another piece than its own, and
 * then the room over padding is needed: it is found in the padding's part file.
 */
struct store {
    const struct metainfo *meta;
    int dir_fd; /* of the download folder */
    enum allocation allocation;
    bool *skip_file; /* owned; or NULL */
    char *parts;     /* name of the folder of part files, owned */
    uint32_t n_pieces, piece_length, n_files;
    uint64_t total_length;
};
#define STORE_EMPTY ((struct store){.dir_fd = -1})

#define STORE_PADDING UINT32_MAX /* instead of a file: zeros */

struct extent {
    uint32_t file;
    uint32_t length;
    uint64_t offset; /* in the file */
};

int store_init(struct store *s, const struct metainfo *meta, int dir_fd, enum allocation allocation,
               const bool *skip_file);
void store_deinit(struct store *s); /* closes dir_fd too */

/* The next part of content [*ATP, END) that lies in one file; moves *ATP. False at the end.
 * FOREIGN: the slot holds another piece than its own. */
bool store_next_extent(const struct store *s, uint64_t *atp, uint64_t end, bool foreign,
                       struct extent *extentp);

/* A descriptor of FILE that the caller closes. 0, FILE_MISSING or -errno. */
int store_open_file(const struct store *s, uint32_t file, enum file_mode mode, int *fdp);
bool store_is_part(const struct store *s, uint32_t file); /* lives in a part file */
/* Where FILE is, below the download folder: a constant, or written to BUFFER. */
#define STORE_PATH_MAX 280
const char *store_path(const struct store *s, uint32_t file, char buffer[STORE_PATH_MAX]);
bool store_piece_is_wanted(const struct store *s, uint32_t piece);
/* Removes part files of files that are wanted now. */
void store_clean_parts(const struct store *s);

#endif
