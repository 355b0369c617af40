/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_SAVING_H
#define CONJURE_SRC_ACTORS_FS_SAVING_H

#include "actors/fs/internal.h"

/* Resume data, when Master asks for it and when a torrent is closed. */

void fs_saving_ask(struct fs *self, struct fs_save_resume *m);
void fs_saving_close(struct fs *self, struct fs_close_torrent *m);
/* Starts a save or the close of T that was asked for and need not wait. False when T was closed and
 * freed. */
bool fs_saving_continue(struct fs *self, struct fs_torrent *t);
/* T's save job has ended with ERROR, 0 or -errno. False when T was closed and freed. */
bool fs_saving_end(struct fs *self, struct fs_torrent *t, int error);

#endif
