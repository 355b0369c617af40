/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_TORRENT_NAMES_H
#define CONJURE_SRC_TORRENT_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "conjure/torrent/metainfo.h"

/* Checks of file names from untrusted torrents. Pure; any thread. */

#define NAME_MAX_BYTES 255 /* NAME_MAX of Linux */

/* Returns the reason why the N bytes cannot name a file or folder ("is empty", "contains a slash"),
 * or NULL if they can. */
const char *name_fault(const uint8_t *bytes, size_t n);

enum {
    NAMES_COLLIDE = 1,
};
/* Finds two files that cannot exist side by side: they have the same path, or one has the path of a
 * folder of the other. Padding files do not count. Returns 0; NAMES_COLLIDE and the two numbers
 * (the smaller first); or -ENOMEM. PREFIX bytes are common to all paths. O(n) when the files are in
 * order, O(n log n) otherwise. */
int names_find_collision(const struct metainfo_file *files, uint32_t n_files, size_t prefix,
                         uint32_t *firstp, uint32_t *secondp);

#endif
