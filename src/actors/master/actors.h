/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_ACTORS_H
#define CONJURE_SRC_ACTORS_MASTER_ACTORS_H

struct master;

/* All other actors except Logger: their start and their end. */

/* 0, or -errno when some of them could not start. End and join the others in either case. */
int actors_start(struct master *m);
/* Has m->watchdog watch all of them. */
void actors_watch(struct master *m);
/* Ends Timer: all ticks return cancelled, and no actor gets a new one. This function and the next
 * add their queries to m->n_shutdowns. */
void actors_end_timer(struct master *m);
/* Ends all others in parallel: no torrent connects them any more. */
void actors_end_others(struct master *m);
/* Call when m->n_shutdowns is 0. */
void actors_join(struct master *m);

#endif
