/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_TORRENT_NAMES_H
#define CONJURE_SRC_TORRENT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "torrent/text.h"

/*
 * Names from untrusted torrents become names that every file system takes, and that stay below the
 * download folder. The result depends on the torrent alone, so that a restart, or another machine,
 * finds the same files. Pure; any thread.
 */

#define NAME_MAX_BYTES 255 /* NAME_MAX of Linux */

enum name_place {
    NAME_BELOW, /* of a file or folder of the content */
    NAME_TOP,   /* of the torrent: not hidden, since it may be put beside the user's own files */
};

/* Appends N bytes as a name: clean UTF-8 without slashes and control characters, not empty, not "."
 * or "..", at most NAME_MAX_BYTES; its extension stays when it is cut. Returns as text_append. */
int name_append(struct text *t, const uint8_t *bytes, size_t n, enum name_place place);

/* Writes PATH with ".NUMBER", and from the second ATTEMPT on "-ATTEMPT", before the extension of
 * its last name. OUT has room for strlen(PATH) + 24 bytes. */
void name_distinguish(const char *path, uint32_t number, unsigned attempt, char *out);

/* Finds the paths that cannot exist side by side on a file system that ignores case: equal ones,
 * and one that is a folder of another. CLASHES[i] is set for each that has to change: all but the
 * first of equal ones, and a file in place of a folder. PATHS may hold NULLs, which clash with
 * nothing. *NP is how many; 0 or -ENOMEM. O(n) when they are in order, O(n log n) otherwise. */
int names_find_clashes(const char *const *paths, uint32_t n, bool *clashes, uint32_t *np);

#endif
