/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_ANNOUNCE_H
#define CONJURE_SRC_ACTORS_MASTER_ANNOUNCE_H

struct master_torrent;

/* Messages to Announcer about a torrent. */

void announce_started(struct master_torrent *t);
/* Sends the numbers for the next announce, if they have changed. */
void announce_numbers(struct master_torrent *t);
/* Call when every wanted piece is verified. */
void announce_completed(struct master_torrent *t);
/* Sends the query TorrentStopped, which counts in T->n_queries, if Announcer has T. */
void announce_stopped(struct master_torrent *t);

#endif
