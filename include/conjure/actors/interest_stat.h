/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_INTEREST_STAT_H
#define CONJURE_ACTORS_INTEREST_STAT_H

#include "conjure/actors/torrent.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/master.h"
#include "conjure/piece/stored_blocks.h"

/*
 * The actor behind T->interest: one per torrent that lacks pieces. It owns the InterestTable.
 *
 * Says Master.TorrentCompleted once, when every wanted piece is verified (at once when they are at
 * the start). It goes on answering until Master sends Shutdown; then the inbox closes, all that was
 * inside is answered, and the Shutdown comes home last.
 */
struct interest_stat;

/* Makes T->interest and its waker and starts the thread. HAVE is taken over and left empty;
 * STORED is only read; T, MASTER and LOBBY outlive the actor. NULL when memory or threads are short; HAVE is then untouched
 * or freed, and empty. Called by Master. */
struct interest_stat *interest_stat_start(struct torrent *t, struct bitfield *have,
                                          const struct stored_blocks *stored,
                                          struct master_inbox *master, struct lobby_inbox *lobby);

/* After the Shutdown is home: waits for the thread's end and frees. NULL is fine. */
void interest_stat_join(struct interest_stat *is);

#endif
