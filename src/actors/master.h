/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_MASTER_PRIVATE_H
#define CONJURE_ACTORS_MASTER_PRIVATE_H

#include "conjure/actors/announcer.h"
#include "conjure/actors/bandwidth.h"
#include "conjure/actors/choker.h"
#include "conjure/actors/fs.h"
#include "conjure/actors/interest_stat.h"
#include "conjure/actors/lobby.h"
#include "conjure/actors/master.h"
#include "conjure/actors/notify.h"
#include "conjure/actors/timer.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/clock.h"
#include "conjure/base/key_map.h"
#include "conjure/base/rate.h"
#include "conjure/msg/master.h"

#define SAVE_EVERY_TICKS 60 /* seconds, nearly; each torrent has one of its own */

/*
 * The life of a torrent:
 *
 *   OPENING --OpenTorrent home--> CHECKING (if anything is doubtful) --CheckPieces home-->
 *   RUNNING (Lobby, Announcer, and InterestStat while pieces lack) --stop--> LEAVING (Lobby
 *   lets go) --> CLOSING (Announcer says `stopped`, InterestStat ends, FS saves and closes) --> ENDED
 *
 * A stop during CHECKING goes to CLOSING at once, and the check comes home unfinished. What has ended
 * stays in the list, for the sums, unless it is to be forgotten: then it is freed.
 */
enum life {
    LIFE_OPENING,
    LIFE_CHECKING,
    LIFE_RUNNING,
    LIFE_LEAVING,
    LIFE_CLOSING,
    LIFE_ENDED,
    N_LIVES,
};

struct managed {
    struct torrent torrent; /* what the others see */
    struct master *master;
    struct managed *next, *previous; /* in the order in which they came */
    uint8_t info_hash[SHA1_SIZE];
    struct torrent_settings settings; /* as they are now, and Bandwidth knows of the limits */
    enum life life;
    bool *skip_file;
    /* Between opening and running: what is verified, and blocks of other pieces that are on disk. */
    struct bitfield have;
    struct stored_blocks stored;
    struct interest_stat *interest_stat;
    bool complete;          /* every wanted piece is verified */
    bool stop_wanted;       /* as soon as the present step is over */
    bool failed;            /* the disk refused, and that is said */
    bool report_at_end;     /* nothing more to do once it is closed */
    bool listed, announced; /* Lobby, Announcer know it */
    bool interest_open;     /* InterestStat takes messages */
    bool asked_progress, saving;
    bool forget;               /* nobody wants it any more: free it when it has ended */
    uint32_t ask_until;        /* tick: InterestStat may know something new until then */
    bool unsaved;              /* something changed since the last resume data */
    unsigned n_queries;        /* about this torrent that are out; the end waits for them */
    uint64_t verified, wanted; /* bytes */
    uint64_t stored_bytes;     /* bytes on disk of pieces not verified */
    uint64_t had_at_start;
    uint32_t n_checked, n_to_check;
    uint64_t downloaded, uploaded;               /* of this run */
    uint64_t downloaded_before, uploaded_before; /* of all runs before it */
    struct rate down, up;
    uint32_t n_peers, n_seeds;
    uint32_t n_peers_most; /* at one time */
    uint64_t began_ns, ran_ns, completed_ns;
    struct {
        uint64_t uploaded, downloaded, left;
    } told; /* to the Announcer */
    /* Whether there is any point in waiting: see is_unreachable. */
    uint64_t heard_ns; /* last sign of a tracker or peer */
    uint32_t n_trackers, n_announces_failed;
    bool any_announce_ok, others_named;
};

struct master {
    struct master_inbox inbox;
    struct waker waker;
    const struct master_config *config;
    struct master_settings settings; /* as they are now */
    char *dir;
    int signal_fd;
    struct timer *timer;
    struct choker *choker;
    struct bandwidth *bandwidth;
    struct lobby *lobby;
    struct fs *fs;
    struct announcer *announcer;
    struct managed *first, *last; /* torrents, n_torrents of them */
    uint32_t n_torrents;
    struct key_map by_hash;
    uint32_t next_id;       /* of a torrent: never the same again */
    uint32_t n_in[N_LIVES]; /* torrents, by life */
    uint32_t n_asked;       /* InterestStats that have not answered yet */
    uint32_t n_ticks;
    bool sweep_due; /* one that is to be forgotten has ended */
    struct timer_after *tick;
    bool tick_out;
    bool report_due; /* as soon as no torrent's progress is asked for */
    bool stopping;   /* a signal, or an error that is everybody's */
    bool signalled;
    bool ready;                  /* every torrent is past OPENING */
    unsigned max_peers_possible; /* as many as there may be open files */
    struct notify notify;
    unsigned n_shutdowns; /* actors that have not answered yet */
    enum master_outcome outcome;
    uint64_t now;
};

/* --- master_torrent.c --- */
/* Takes over what CONFIG holds; it is in the list of M from now on. */
struct managed *managed_new(struct master *m, struct master_torrent_config *config);
/* Off the list as well. It has ended, or everything has. */
void managed_free(struct managed *t);
void managed_open(struct managed *t);
void managed_opened(struct managed *t, struct fs_open_torrent *answer);
void managed_checked(struct managed *t, struct fs_check_pieces *answer);
void managed_completed(struct managed *t);
/* All connections know that it is complete. */
void managed_all_told(struct managed *t);
void managed_heard_tracker(struct managed *t, const struct master_tracker_says *x);
void managed_tick(struct managed *t);
void managed_stop(struct managed *t);
/* Stops it and has it forgotten: master_sweep frees it when it has ended. */
void managed_remove(struct managed *t);
/* A query about T is home and has been looked at. */
void managed_answered(struct managed *t);
/* The outcome that one torrent's end has for the process; the first that is not MASTER_DONE stays.
 */
void master_note_outcome(struct master *m, enum master_outcome outcome);
struct managed *managed_of(struct torrent *torrent);
/* Bytes per second, for people. */
uint64_t managed_down_rate(struct managed *t);
/* Something moves: InterestStat is asked for a while. */
void managed_expect_progress(struct managed *t);
void managed_set_peers(struct managed *t, uint32_t n_peers, uint32_t n_seeds);
/* --- master_settings.c --- */
/* The actors have just started: tells Bandwidth and Choker. */
void master_tell_limits(struct master *m);
/* How many connections there may be; a setting that cannot be kept is said in the log. */
unsigned master_max_peers(const struct master *m);
/* SIGHUP. */
void master_reload(struct master *m);
/* The daemon is up, or has taken new settings. */
void master_say_ready(struct master *m);
/* T gets what the settings say of it, now that it is there or that they have changed. */
void managed_take_settings(struct managed *t);
/* T has ended: Bandwidth forgets its limits. */
void managed_drop_limits(struct managed *t);

/* --- master.c --- */
/* Stops every torrent; the process ends when they have ended. */
void master_stop_all(struct master *m);

#endif
