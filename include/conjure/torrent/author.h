/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TORRENT_AUTHOR_H
#define CONJURE_TORRENT_AUTHOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/torrent/metainfo.h"

/*
 * Makes torrents (BEP 3, 12, 27) of a file, or of a folder with all regular files below it in
 * bytewise order of their paths, hidden ones too. Symbolic links to regular files count; linked
 * folders, devices and the like are skipped. Reads the content once, and blocks on the disk.
 */
#define AUTHOR_PIECE_LENGTH_MIN (16u << 10) /* when we choose it */
#define AUTHOR_PIECE_LENGTH_MAX (16u << 20)
#define AUTHOR_PIECES_AIM       2000u /* aim for this many pieces, or at least half as many */
#define AUTHOR_REASON_MAX       512

enum {
    AUTHOR_REFUSED = 1, /* the content cannot be put in a torrent; REASON is set */
};

struct author_options {
    const char *const *trackers; /* URLs, each a tier of its own; borrowed */
    size_t n_trackers;
    uint32_t piece_length; /* bytes, a multiple of 1024; 0: by the size of the content */
    bool private;
    const char *comment;   /* or NULL */
    int64_t creation_date; /* Unix time; 0: none is written */
};
#define AUTHOR_OPTIONS_EMPTY ((struct author_options){0})

/* Makes a torrent of the content at PATH: a metainfo, which the caller frees; its metainfo_raw is
 * the .torrent file. Returns 0; or AUTHOR_REFUSED or -errno, with a REASON of one line that names
 * the file concerned. */
int author_make(const char *path, const struct author_options *options, struct metainfo **outp,
                char reason[AUTHOR_REASON_MAX]);

/* The piece length that author_make chooses for TOTAL bytes. */
uint32_t author_choose_piece_length(uint64_t total);

#endif
