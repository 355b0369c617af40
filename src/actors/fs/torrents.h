/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_TORRENTS_H
#define CONJURE_SRC_ACTORS_FS_TORRENTS_H

#include "actors/fs/internal.h"

/* FS's records of torrents. */

/* From the next round of the loop on T's work is continued, until none is left. */
void fs_torrent_activate(struct fs *self, struct fs_torrent *t);
void fs_torrent_deactivate(struct fs *self, struct fs_torrent *t);
/* Frees T, which has no query and no job under way, and its storage, if it has one. */
void fs_torrent_free(struct fs *self, struct fs_torrent *t);

#endif
