/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_STATE_H
#define CONJURE_SRC_ACTORS_MASTER_STATE_H

#include "conjure/state/statistics.h"

struct master;

/* What is saved in the state folder. */
enum master_state_part {
    MASTER_STATE_RESUME,     /* by FS, for each torrent */
    MASTER_STATE_KNOWN,      /* by folders.c, for each torrent */
    MASTER_STATE_STATISTICS, /* here */
};

/* Notes the outcome of saving PART: ERROR is 0 or -errno. Logs when the first part fails, and when
 * the last has recovered. */
void state_note(struct master *m, enum master_state_part part, int error);
/* 0 or -errno, which is logged. */
int state_lock_folder(struct master *m);
void state_begin_statistics(struct master *m);
struct statistics state_statistics(const struct master *m); /* as of now */
/* Once a second: saves the statistics at the interval of the settings. */
void state_tick(struct master *m);
/* Saves the statistics and releases the lock, if there is one. */
void state_end(struct master *m);

#endif
