/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_CHECK_H
#define CONJURE_SRC_ACTORS_FS_CHECK_H

#include "actors/fs/internal.h"

void fs_check_begin(struct fs *self, struct fs_check_pieces *m);
/* Gives batches to idle checkers. */
void fs_check_schedule(struct fs *self);
/* An idle checker, started now if need be; NULL when enough of them are busy. */
struct fs_worker *fs_check_find_worker(struct fs *self);
/* T is about to be closed: its check ends early. */
void fs_check_cancel(struct fs *self, const struct fs_torrent *t);
/* Replies to CheckPieces if the check of T, if there is one, has ended. */
void fs_check_end_if_done(struct fs *self, struct fs_torrent *t);
/* Whether it is time to save the progress of T's check. */
bool fs_check_save_is_due(const struct fs *self, const struct fs_torrent *t);
void fs_check_start_save(struct fs *self, struct fs_torrent *t);

#endif
