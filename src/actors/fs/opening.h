/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_OPENING_H
#define CONJURE_SRC_ACTORS_FS_OPENING_H

#include "actors/fs/internal.h"

/* Torrents that are to be opened wait here for an idle worker: a thousand of them in the queue of
 * jobs would delay all others. */

void fs_opening_add(struct fs *self, struct fs_open_torrent *m);
/* No torrent is opened any more: OpenTorrents that wait fail with -ECANCELED. */
void fs_opening_stop(struct fs *self);
/* Gives a list of them to an idle worker; there has to be one. */
void fs_opening_start_some(struct fs *self);
/* T's open job has ended with ERROR, 0 or -errno. After an error frees T and returns false. */
bool fs_opening_end(struct fs *self, struct fs_torrent *t, int error);

#endif
