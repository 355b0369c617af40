/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_REPORT_H
#define CONJURE_SRC_ACTORS_MASTER_REPORT_H

struct master;
struct master_torrent;

/* What the caller of master_run hears by its report callback, without one: nothing. */

/* The sum over all torrents. */
void report_progress(struct master *m);
/* T is complete, or a signal stopped it before. */
void report_finished(struct master_torrent *t);

#endif
