/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_ANNOUNCER_H
#define CONJURE_ACTORS_ANNOUNCER_H

#include "conjure/msg/announcer.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/master.h"
#include "conjure/msg/timer.h"

/*
 * Announcer: all trackers of all torrents, one thread. Tells the Lobby of the peers found and Master
 * of the outcome of every announce. Torrents must be stopped before it is shut down, and the Timer
 * must be shut down before it or be willing to bring its Afters home.
 */
struct announcer;

/* Zero means the default. */
struct announcer_options {
    uint32_t connect_timeout_ms; /* 15,000 */
    uint32_t total_timeout_ms;   /* 30,000, of one HTTP announce */
    uint32_t stop_timeout_ms;    /* 3,000, of all that a TorrentStopped takes */
    uint32_t n_at_once_max;      /* 50 announces under way over all torrents */
    const char *ca_file;         /* certificates to trust, instead of the system's; borrowed */
};

/* Starts the thread. The inboxes must live until announcer_join; OPTIONS may be NULL and is copied.
 * NULL, with errno set, when the system has no thread for it. */
struct announcer *announcer_start(struct timer_inbox *timer, struct lobby_inbox *lobby,
                                  struct master_inbox *master,
                                  const struct announcer_options *options);
/* Where to send; valid until announcer_join. */
struct announcer_inbox *announcer_inbox(struct announcer *a);
/* After Shutdown came home: waits for the thread's end and frees A. NULL is fine. */
void announcer_join(struct announcer *a);

#endif
