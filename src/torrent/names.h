/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_TORRENT_NAMES_H
#define CONJURE_SRC_TORRENT_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "conjure/torrent/metainfo.h"

/* Names as strangers write them, made fit for a file system and a terminal. */

#define NAME_MAX_BYTES 255 /* NAME_MAX of every file system we know of */

/* Text that grows, up to a limit of its own. */
struct text {
    char *bytes; /* owned */
    size_t n;
    size_t n_allocated;
    size_t max; /* more is refused with -E2BIG */
};

int text_append(struct text *t, const void *bytes, size_t n); /* 0, -ENOMEM or -E2BIG */
/* Gives back the room that was kept for growing. */
void text_trim(struct text *t);
void text_deinit(struct text *t);

/* Appends N bytes as clean UTF-8: what is not UTF-8 becomes U+FFFD, control characters become
 * CONTROL. Returns as text_append. */
int text_append_clean(struct text *t, const uint8_t *bytes, size_t n, char control);

/* What makes these bytes no fit name of a file or folder ("empty", "contains a slash"...), or NULL
 * when they are one. */
const char *name_fault(const uint8_t *bytes, size_t n);

/* Finds two files of which one could not exist beside the other: the same path twice, or a file
 * where another has a folder. Padding files do not count. Returns 0, or 1 and the two numbers (the
 * smaller first), or -ENOMEM. PREFIX bytes are common to all paths. O(n) when the files come in
 * order, O(n log n) otherwise. */
int names_find_collision(const struct metainfo_file *files, uint32_t n_files, size_t prefix,
                         uint32_t *firstp, uint32_t *secondp);

#endif
