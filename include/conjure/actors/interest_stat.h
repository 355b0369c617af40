/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_INTEREST_STAT_H
#define CONJURE_ACTORS_INTEREST_STAT_H

#include "conjure/actors/torrent.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/master.h"
#include "conjure/piece/stored_blocks.h"

/*
 * The actor behind T->interest, one for each torrent with missing pieces. It owns the
 * InterestTable.
 *
 * It sends Master.TorrentCompleted once, when every wanted piece is verified, perhaps at the start.
 * It replies to queries until Master sends Shutdown; then it closes the inbox, replies to all
 * queries in it, and last to Shutdown.
 */
struct interest_stat;

/* Makes T->interest and its waker and starts the thread. HAVE is taken over and left empty; STORED
 * is only read; T, MASTER and LOBBY outlive the actor. NULL with errno when memory or threads are
 * short; HAVE is then untouched, or empty. Called by Master. */
struct interest_stat *interest_stat_start(struct torrent *t, struct bitfield *have,
                                          const struct stored_blocks *stored,
                                          struct master_inbox *master, struct lobby_inbox *lobby);

/* After the reply to Shutdown, by the thread that called start: waits for the actor's thread to
 * end and frees. NULL is fine. */
void interest_stat_join(struct interest_stat *is);

#endif
