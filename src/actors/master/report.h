/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_REPORT_H
#define CONJURE_SRC_ACTORS_MASTER_REPORT_H

struct master;
struct master_torrent;

/* Calls of the report callback in struct master_config, if there is one. */

/* Reports the sum over all torrents. */
void report_progress(struct master *m);
/* Reports that T is complete, or that a signal stopped it before. */
void report_finished(struct master_torrent *t);

#endif
