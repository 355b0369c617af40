/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_RETRY_H
#define CONJURE_SRC_ACTORS_MASTER_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct master_torrent;

/* Failures of a torrent: each is logged, and a daemon opens the torrent again after a pause. */

/* The pause before the next try: 5 s, doubled by each of the N_FAILURES earlier failures in a row,
 * 10 min at most. Pure. */
uint64_t retry_delay_ns(unsigned n_failures);

/* T has failed; the caller stops it. ERROR is an errno, REASON is for people or empty. Sets the
 * time of the retry. If T is not retried, sets the process's outcome, and while a daemon starts
 * m->start_failed. */
void retry_note_failure(struct master_torrent *t, int error, const char *reason);
/* T runs. Once it has run for ten seconds, its earlier failures are forgotten. */
void retry_note_running(struct master_torrent *t);
bool retry_is_due(const struct master_torrent *t);

#endif
