/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_CHOKER_H
#define CONJURE_ACTORS_CHOKER_H

#include "conjure/msg/choker.h"
#include "conjure/msg/master.h"

/*
 * The actor that decides who may download from us, by the choke policy: a round every 10 s. It also
 * adds up what each torrent moves and tells Master once a second (Master.Totals, the bytes since the
 * last one) while something moved or a count changed, and once when a torrent's last peer leaves,
 * before that peer's PeerLeft goes home. Without peers it does not tick.
 *
 * TorrentCompleted may come before any peer of the torrent joins; it is remembered until
 * TorrentRemoved, or until another struct torrent goes by that number.
 */
struct choker;

/* MAX_SLOTS 0: by capacity, or by the upload limit that SetLimit says. TIMER and MASTER outlive the
 * actor. NULL: no thread. */
struct choker *choker_start(struct timer_inbox *timer, struct master_inbox *master,
                            unsigned max_slots);
struct choker_inbox *choker_inbox(struct choker *c); /* valid until the join */
/* After the Shutdown is home (that waits for an After that is out: Timer ends first): waits for the
 * thread's end and frees. NULL is fine. */
void choker_join(struct choker *c);

#endif
