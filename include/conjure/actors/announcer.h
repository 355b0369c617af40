/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_ANNOUNCER_H
#define CONJURE_ACTORS_ANNOUNCER_H

#include "conjure/msg/announcer.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/master.h"
#include "conjure/msg/timer.h"

/*
 * Announcer: all trackers of all torrents, in one thread. It sends the Lobby the peers that
 * trackers know, and Master the outcome of every announce. Torrents must be stopped before it is
 * shut down. The Timer must be shut down first, or answer its Afters in time.
 */
struct announcer;

/* Zero means the default. */
struct announcer_options {
    uint32_t connect_timeout_ms; /* 15,000 */
    uint32_t total_timeout_ms;   /* 30,000, of one HTTP announce */
    uint32_t stop_timeout_ms;    /* 3,000, from TorrentStopped to its reply */
    uint32_t n_at_once_max;      /* 50 announces under way, over all torrents */
    const char *ca_file;         /* certificates to trust, instead of the system's; borrowed */
};

/* The inboxes must live until announcer_join; OPTIONS may be NULL and is copied. */
struct announcer *announcer_start(struct timer_inbox *timer, struct lobby_inbox *lobby,
                                  struct master_inbox *master,
                                  const struct announcer_options *options);
struct announcer_inbox *announcer_inbox(struct announcer *a);
void announcer_join(struct announcer *a);

#endif
