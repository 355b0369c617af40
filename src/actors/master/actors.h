/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_ACTORS_H
#define CONJURE_SRC_ACTORS_MASTER_ACTORS_H

struct master;

/* The other actors, but Logger: their start, in the order of what they send to, and their end. */

/* 0 or -errno; then some of them run, and the process is to end. */
int actors_start(struct master *m);
/* Has m->watchdog watch all of them. */
void actors_watch(struct master *m);
/* Ends Timer: all ticks return cancelled, and no actor gets a new one. Each of these two adds its
 * queries to m->n_shutdowns. */
void actors_end_timer(struct master *m);
/* Ends all others, side by side: nothing connects them any more. */
void actors_end_others(struct master *m);
/* After the replies to both. */
void actors_join(struct master *m);

#endif
