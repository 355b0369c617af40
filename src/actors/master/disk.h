/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_DISK_H
#define CONJURE_SRC_ACTORS_MASTER_DISK_H

struct bitfield;
struct master_torrent;
struct stored_blocks;

/* Queries to FS about a torrent. Each counts in T->n_queries. */

void disk_open(struct master_torrent *t);
void disk_check(struct master_torrent *t);
/* Moves the contents of both into T and leaves them empty. */
void disk_take_content(struct master_torrent *t, struct bitfield *have,
                       struct stored_blocks *stored);
/* Counts the bytes of that content, and sets T->complete. */
void disk_count(struct master_torrent *t);

/* Once a second while T runs: saves resume data that has changed, at the interval that is set. */
void disk_tick(struct master_torrent *t);
/* Handles the reply to that save. ERROR is 0 or -errno. */
void disk_saved(struct master_torrent *t, int error);
/* Notes the outcome of any write of resume data. */
void disk_note_save(struct master_torrent *t, int error);
/* Saves resume data, if anything has changed, and closes. */
void disk_close(struct master_torrent *t);

#endif
