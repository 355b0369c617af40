/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_RESTAT_H
#define CONJURE_SRC_ACTORS_FS_RESTAT_H

#include "actors/fs/internal.h"

/* T has been opened: schedules its first restat. */
void fs_restat_expect(struct fs *self, struct fs_torrent *t);
/* The restat job of T is finished. */
void fs_restat_end(struct fs *self, struct fs_torrent *t);
/* Starts the next one, if it is due. Returns how long the loop may sleep, in ns. */
uint64_t fs_restat_schedule(struct fs *self);

#endif
