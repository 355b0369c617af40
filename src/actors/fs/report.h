/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_REPORT_H
#define CONJURE_SRC_ACTORS_FS_REPORT_H

#include "actors/fs/internal.h"

/* Messages of FS to other actors, except replies. */

/* To Master, once for each opening of T: its disk has failed. */
void fs_report_failure(struct fs *self, struct fs_torrent *t, int error);
/* To InterestStat, Master and Lobby: the events of T's storage. */
void fs_report_events(struct fs *self, struct fs_torrent *t);
/* To InterestStat: which of the blocks of M are on disk. M->blocks becomes these. */
void fs_report_stored(struct fs_torrent *t, struct fs_store_blocks *m);
/* To Master, a few times a second: the progress of T's check. */
void fs_report_check(struct fs *self, struct fs_torrent *t);

#endif
