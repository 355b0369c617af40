/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_SUPER_SEEDER_H
#define CONJURE_ACTORS_SUPER_SEEDER_H

#include "conjure/actors/torrent.h"

/*
 * Super-seeding (BEP 16) of a complete torrent: chooses the pieces that we offer to each peer, and
 * serve to it. This actor receives from the inbox T->interest, as InterestStat does for a torrent
 * that is not complete.
 *
 * It sends Master.SuperSeeded once, when super-seeding is over. It replies to Shutdown as
 * InterestStat does.
 */
struct super_seeder;
struct master_inbox;

/* Makes T->interest and its waker and starts the thread; T and MASTER outlive the actor. NULL with
 * errno when memory or threads are short; the inbox is closed then. Called by Master. */
struct super_seeder *super_seeder_start(struct torrent *t, struct master_inbox *master);

/* After the reply to Shutdown, by the thread that called start: waits for the actor's thread to
 * end and frees. NULL is fine. */
void super_seeder_join(struct super_seeder *s);

#endif
