/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_RETRY_H
#define CONJURE_SRC_ACTORS_MASTER_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct master_torrent;

/* Failures of a torrent: each is logged, and a daemon opens the torrent again after a pause. */

/* The pause after a failure that N_FAILURES others came before, in a row: 5 s, doubled by each,
 * 10 min at most. Pure. */
uint64_t retry_delay_ns(unsigned n_failures);

/* T cannot go on; the caller stops it. ERROR is an errno, REASON is for people or empty. Sets
 * the time of the retry or, where there is none, the process's outcome. */
void retry_note_failure(struct master_torrent *t, int error, const char *reason);
/* T runs. When it has done so for a while, earlier failures are over. */
void retry_note_running(struct master_torrent *t);
bool retry_is_due(const struct master_torrent *t);

#endif
