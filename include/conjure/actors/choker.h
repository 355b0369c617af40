/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_CHOKER_H
#define CONJURE_ACTORS_CHOKER_H

#include "conjure/msg/choker.h"
#include "conjure/msg/master.h"

/*
 * Choker: which peers may download from us, by the choke policy, with a round every 10 s. It also
 * sums up what each torrent moves: Master.Totals has the bytes since the last one, once a second
 * while bytes move or a count changes, and once more when the last peer of a torrent leaves, before
 * the reply to its PeerLeft. Without peers it does not tick.
 *
 * TorrentCompleted may come before the first peer of the torrent joins. It is remembered until
 * TorrentRemoved, or until another struct torrent has its number.
 */
struct choker;

/* MAX_SLOTS 0: by capacity, or by the upload limit of SetLimit. The inboxes must live until
 * choker_join. */
struct choker *choker_start(struct timer_inbox *timer, struct master_inbox *master,
                            unsigned max_slots);
struct choker_inbox *choker_inbox(struct choker *c);
/* Choker replies to Shutdown only once Timer has returned its After: shut Timer down first. */
void choker_join(struct choker *c);

#endif
