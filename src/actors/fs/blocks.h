/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_BLOCKS_H
#define CONJURE_SRC_ACTORS_FS_BLOCKS_H

#include "actors/fs/internal.h"

void fs_blocks_store(struct fs *self, struct fs_store_blocks *m);
/* After JOB, a write, has run: finishes it and replies to its StoreBlocks. */
void fs_blocks_end_write(struct fs *self, struct fs_torrent *t, struct disk_job *job);
/* Stores blocks of T that waited for a job that is finished now. */
void fs_blocks_retry_parked(struct fs *self, struct fs_torrent *t);

/* Starts a batch of pieces of T. False when there is none, or it has to wait. */
bool fs_blocks_hash(struct fs *self, struct fs_torrent *t);
/* Until when pieces of T may wait for a better batch; self->now or earlier: they may not. */
uint64_t fs_blocks_hold_until(const struct fs *self, const struct fs_torrent *t);

#endif
