/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_OPENING_H
#define CONJURE_SRC_ACTORS_FS_OPENING_H

#include "actors/fs/internal.h"

/* Torrents that are to be opened wait for an idle worker: a thousand at once would only be in the
 * way of other jobs. */

void fs_opening_add(struct fs *self, struct fs_open_torrent *m);
/* No torrent is opened any more; those that wait get -ECANCELED. */
void fs_opening_stop(struct fs *self);
/* Gives a list of them to an idle worker; there has to be one. */
void fs_opening_start_some(struct fs *self);
/* T's open job is finished, by ERROR. Frees T and returns false when that is not 0. */
bool fs_opening_end(struct fs *self, struct fs_torrent *t, int error);

#endif
