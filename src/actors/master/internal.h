/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_INTERNAL_H
#define CONJURE_SRC_ACTORS_MASTER_INTERNAL_H

#include "actors/master/notify.h"
#include "actors/master/signals.h"
#include "actors/master/watchdog.h"
#include "conjure/actors/master.h"
#include "conjure/base/clock.h"
#include "conjure/base/key_map.h"
#include "conjure/base/owner.h"
#include "conjure/msg/master.h"
#include "conjure/state/content_paths.h"
#include "conjure/state/statistics.h"
#include "conjure/torrent/life.h"

struct master_torrent;

/* The actor. Each member after the actors belongs to the module that its comment names. */
struct master {
    struct owner owner; /* the process's first thread */
    struct master_inbox inbox;
    struct waker waker;
    const struct master_config *config;
    char *dir;        /* download folder, absolute */
    uint64_t now;     /* when this turn of the loop began */
    uint32_t n_ticks; /* seconds, about */

    struct timer *timer;
    struct choker *choker;
    struct bandwidth *bandwidth;
    struct lobby *lobby;
    struct fs *fs;
    struct announcer *announcer;
    bool lobby_runs;             /* the other pointers are NULL until the actor runs */
    int listen_fd;               /* -1 once Lobby has it */
    uint16_t port;               /* that it listens on */
    unsigned max_peers_possible; /* by the limit of open files, without any torrent */
    unsigned max_peers_told;     /* to the Lobby */

    /* master.c */
    struct signals signals;
    struct notify notify;
    struct watchdog watchdog;
    uint32_t n_torrents_notified; /* to the service manager */
    struct timer_after *tick;
    unsigned n_shutdowns; /* actors that have not ended yet */
    bool report_due;      /* as soon as no torrent's progress is asked for */
    bool ready;           /* every torrent is past LIFE_OPENING */
    bool stopping;        /* a signal, or a start that failed */
    bool signalled;
    enum master_outcome outcome;

    /* record.c */
    struct master_torrent *first, *last; /* in the order in which they were added */
    uint32_t n_torrents;
    struct key_map by_hash;
    uint32_t next_id;             /* of a torrent: never used twice */
    uint32_t n_in[N_LIFE_STATES]; /* torrents, by state */

    /* hold.c */
    struct content_paths paths;

    /* retry.c */
    bool start_failed; /* a daemon's torrent of the command line failed at the start: stop all */

    /* torrent.c */
    bool sweep_due;         /* a removed torrent is closed */
    uint32_t n_asked;       /* InterestStats that have not replied yet */
    uint32_t n_save_failed; /* torrents whose resume data could not be saved */

    /* settings.c */
    struct master_settings settings; /* as they are now */

    /* state.c, of a daemon */
    int lock_fd;
    struct statistics statistics, saved_statistics; /* running_s: of earlier runs */
    uint64_t began_ns;
    unsigned state_failing; /* set of 1 << enum master_state_part */

    /* folders.c, of a daemon */
    struct watch *known, *watched;
    bool known_due;           /* a torrent's file must be written */
    uint32_t save_known_tick; /* not before */
    uint32_t orphan_tick;     /* the earliest of the torrents'; 0: none */
};

/* The effect of one torrent's end on the exit code; the first that is not MASTER_DONE stays. */
static inline void master_note_outcome(struct master *m, enum master_outcome outcome)
{
    if (m->outcome == MASTER_DONE)
        m->outcome = outcome;
}

#endif
