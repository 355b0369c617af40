/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_STATE_CONTENT_PATHS_H
#define CONJURE_STATE_CONTENT_PATHS_H

#include <stdbool.h>

#include "conjure/base/key_map.h"
#include "conjure/base/sha1.h"

/*
 * Which torrent has which path. All content of a torrent lies at or below one path: the download
 * folder and the torrent's name. Two torrents with one path would overwrite each other, so a path
 * belongs to the first one that takes it. (Part files need no entry: their names begin with a dot,
 * which no torrent's name does, and have the info-hash.) O(1). Pure; one thread.
 */
struct content_path {
    uint8_t key[SHA1_SIZE]; /* of the path */
};

/* DIR is absolute; superfluous slashes do not matter. */
void content_path_init(struct content_path *p, const char *dir, const char *name);

struct content_paths {
    struct key_map taken; /* of struct content_path */
};
#define CONTENT_PATHS() ((struct content_paths){KEY_MAP(struct content_path, key)})

/* Takes the path of P unless another one has it. Returns the one that has it now: P itself or the
 * other. P stays where it is until it is released. */
const struct content_path *content_paths_take(struct content_paths *c, struct content_path *p);
/* Whether P has its path, or could take it. */
bool content_paths_may_take(const struct content_paths *c, const struct content_path *p);
/* Does nothing when P does not have its path. */
void content_paths_release(struct content_paths *c, const struct content_path *p);
void content_paths_deinit(struct content_paths *c); /* safe twice */

#endif
