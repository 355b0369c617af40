/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_SUMMARY_H
#define CONJURE_SRC_ACTORS_MASTER_SUMMARY_H

struct master;

/* SIGUSR1: logs a line for each torrent and a few for all. */
void summary_log(struct master *m);

#endif
