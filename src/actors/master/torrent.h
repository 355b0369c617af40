/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_TORRENT_H
#define CONJURE_SRC_ACTORS_MASTER_TORRENT_H

#include <stdint.h>

struct fs_check_pieces;
struct fs_close_torrent;
struct fs_open_torrent;
struct fs_save_resume;
struct interest_progress;
struct interest_shutdown;
struct lobby_torrent_completed;
struct master;
struct master_content_changed;
struct master_storage_failed;
struct master_torrent;
struct master_torrent_completed;
struct master_totals;
struct master_tracker_says;
struct msg;

/*
 * The life of one torrent in Master's thread: steps of the table in conjure/torrent/life.h, and
 * their actions.
 */

/* Opens T, which is LIFE_CLOSED. */
void torrent_start(struct master_torrent *t);
/* In any state. */
void torrent_stop(struct master_torrent *t);
/* Stops T and marks it as removed: torrent_sweep frees it once it is closed. */
void torrent_remove(struct master_torrent *t);
/* Once a second. T may be replaced by another record of the same torrent. */
void torrent_tick(struct master_torrent *t);
/* Frees the torrents that are removed and closed. */
void torrent_sweep(struct master *m);

/* Events that other actors report. */
void torrent_completed(struct master_torrent *t);
void torrent_super_seeded(struct master_torrent *t);
void torrent_storage_failed(struct master_torrent *t, const struct master_storage_failed *x);
void torrent_content_changed(struct master_torrent *t, const struct master_content_changed *x);
void torrent_note_totals(struct master_torrent *t, const struct master_totals *x);
void torrent_announced(struct master_torrent *t, const struct master_tracker_says *x);

/* Replies to the queries of this module. Each takes over the pointers in X and frees it. */
void torrent_reply_open(struct master_torrent *t, struct fs_open_torrent *x);
void torrent_reply_check(struct master_torrent *t, struct fs_check_pieces *x);
void torrent_reply_save(struct master_torrent *t, struct fs_save_resume *x);
void torrent_reply_close(struct master_torrent *t, struct fs_close_torrent *x);
void torrent_reply_progress(struct master_torrent *t, struct interest_progress *x);
void torrent_reply_interest_shutdown(struct master_torrent *t, struct interest_shutdown *x);
void torrent_reply_completed(struct master_torrent *t, struct lobby_torrent_completed *x);
/* The reply to any other query about T. Frees X. */
void torrent_replied(struct master_torrent *t, struct msg *x);

#endif
