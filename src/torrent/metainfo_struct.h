/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_TORRENT_METAINFO_STRUCT_H
#define CONJURE_SRC_TORRENT_METAINFO_STRUCT_H

#include "conjure/torrent/metainfo.h"
#include "torrent/text.h"

/* The loader fills it in; metainfo.c has the accessors. */

struct metainfo {
    uint8_t *bytes; /* the file */
    size_t n;
    size_t info_start, info_end;
    const uint8_t *pieces; /* in bytes, or own_pieces */
    uint8_t *own_pieces;   /* a copy, after metainfo_drop_raw */
    struct info_hash info_hash;

    char *name;
    char *original_name; /* NULL: NAME is as it was */
    struct geometry geometry;

    struct metainfo_file *files;
    uint32_t n_files;
    /* Of all files that have one, one after another, NUL-terminated. */
    struct text paths, links, originals;
    char **own_paths; /* one per file, owned: of those that clashed; NULL: none did */
    uint32_t n_mended;

    struct tracker_list trackers;

    char *comment;
    char *created_by;
    int64_t creation_date;
    bool private;
    bool multi;
};

#endif
