/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_INTERNAL_H
#define CONJURE_SRC_ACTORS_MASTER_INTERNAL_H

#include "conjure/actors/announcer.h"
#include "conjure/actors/bandwidth.h"
#include "conjure/actors/choker.h"
#include "conjure/actors/fs.h"
#include "conjure/actors/interest_stat.h"
#include "conjure/actors/lobby.h"
#include "conjure/actors/master.h"
#include "conjure/actors/notify.h"
#include "conjure/actors/super_seeder.h"
#include "conjure/actors/timer.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/clock.h"
#include "conjure/base/info_hash.h"
#include "conjure/base/key_map.h"
#include "conjure/base/rate.h"
#include "conjure/msg/master.h"
#include "conjure/state/state.h"
#include "conjure/state/watch.h"

#define SAVE_EVERY_TICKS 60 /* seconds, nearly; each torrent has one of its own */

/*
 * The life of a torrent:
 *
 *   OPENING --OpenTorrent home--> CHECKING (if anything is doubtful) --CheckPieces home-->
 *   RUNNING (Lobby, Announcer, and InterestStat while pieces lack) --stop--> LEAVING (Lobby
 *   lets go) --> CLOSING (Announcer says `stopped`, InterestStat ends, FS saves and closes) --> ENDED
 *
 * A stop during CHECKING goes to CLOSING at once, and the check comes home unfinished. What has ended
 * stays in the list, for the sums, unless it is to be forgotten: then it is freed. One that a daemon
 * could not open, or whose disk failed, gives its place to a new one of the same torrent after a pause.
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

/* What outlives a failure: the next try inherits it. */
struct managed_lasting {
    bool named;           /* on the command line */
    bool known;           /* it has a file in STATE/torrents */
    bool known_due;       /* that file is to be written */
    uint32_t known_tick;  /* but not before */
    uint32_t n_watched;   /* files in --torrents-dir that stand for it */
    uint32_t orphan_tick; /* a file that stood for it is gone: let go of it then; 0: none is */
    uint64_t seeded_s;    /* after completion, before this try */
    unsigned n_failures;  /* in a row */
    bool doubted;         /* a file has changed: all are looked at before it runs again */
    char *said;           /* owned: why it failed, as the log has it; NULL: it did not */
};

struct managed {
    struct swarm swarm;     /* what the others see of it: without the metainfo, */
    struct torrent torrent; /* and with it */
    struct master *master;
    struct managed *next, *previous; /* in the order in which they came */
    struct info_hash info_hash;
    struct torrent_settings settings; /* as they are now */
    uint64_t limit_up, limit_down;    /* of this torrent alone, as Bandwidth knows them */
    enum life life;
    bool *skip_file;
    struct managed_lasting lasting;
    uint64_t retry_ns; /* failed: when to try again; 0: not */
    bool sated;        /* it has been seeded for as long as it should */
    /* Between opening and running: what is verified, and blocks of other pieces that are on disk. */
    struct bitfield have;
    struct stored_blocks stored;
    struct interest_stat *interest_stat;
    struct super_seeder *super_seeder; /* in its place, of a torrent that is complete; or NULL */
    bool complete;                     /* every wanted piece is verified */
    bool stop_wanted;                  /* as soon as the present step is over */
    bool failed;                       /* the disk refused, and that is said */
    bool report_at_end;                /* nothing more to do once it is closed */
    bool listed, announced;            /* Lobby, Announcer know it */
    bool interest_open;                /* InterestStat takes messages */
    bool asked_progress, saving;
    bool forget;               /* nobody wants it any more: free it when it has ended */
    uint32_t ask_until;        /* tick: InterestStat may know something new until then */
    bool unsavable;            /* the last resume data could not be saved */
    bool unsaved;              /* something changed since the last resume data */
    unsigned n_queries;        /* about this torrent that are out; the end waits for them */
    uint64_t verified, wanted; /* bytes */
    uint64_t unwanted;         /* bytes of pieces that are neither verified nor wanted */
    uint64_t stored_bytes;     /* bytes on disk of pieces not verified */
    uint64_t had_at_start;
    uint32_t n_checked, n_to_check;
    uint64_t downloaded, uploaded;               /* of this run */
    uint64_t downloaded_before, uploaded_before; /* of all runs before it */
    struct rate down, up;
    uint32_t n_peers, n_seeds;
    uint32_t n_peers_most; /* at one time */
    uint64_t began_ns, ran_ns, completed_ns, ended_ns;
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
    /* Of a daemon: see master_folders.c, master_state.c. */
    struct watch *known, *watched;
    bool known_due;           /* for some torrent */
    uint32_t save_known_tick; /* not before */
    uint32_t orphan_tick;     /* the earliest of theirs; 0: none */
    int lock_fd;
    int listen_fd;                                  /* the Lobby's, once that runs */
    uint16_t port;                                  /* that it listens on */
    struct statistics statistics, saved_statistics; /* running_s: of the runs before */
    uint64_t began_ns;
    unsigned state_failing; /* set of 1 << enum master_state_part */
    uint32_t n_unsavable;   /* torrents whose resume data could not be saved */
    bool sweep_due;         /* one that is to be forgotten has ended */
    struct timer_after *tick;
    bool tick_out;
    bool report_due; /* as soon as no torrent's progress is asked for */
    bool stopping;   /* a signal, or an error that is everybody's */
    bool signalled;
    uint64_t signalled_ns;
    bool ready;                  /* every torrent is past OPENING */
    unsigned max_peers_possible; /* as many as there may be open files */
    struct notify notify;
    uint32_t n_torrents_said; /* to the service manager */
    unsigned n_shutdowns;     /* actors that have not answered yet */
    enum master_outcome outcome;
    uint64_t now;
};

/* --- master_made.c --- */
/* Takes over what CONFIG holds, which is empty then; it is in the list of M from now on. */
struct managed *managed_new(struct master *m, struct master_torrent_config *config);
/* Off the list as well. It has ended, or everything has. */
void managed_free(struct managed *t);
/* T has ended: another try, in its place. */
void managed_again(struct managed *t);
/* Finds the pieces that hold a byte of a file that is wanted. 0 or -ENOMEM. */
int managed_mark_wanted(struct managed *t);

/* --- master_torrent.c --- */
void managed_open(struct managed *t);
/* FILE is not as it was: T is closed, and opened again with a look at every file. */
void managed_content_changed(struct managed *t, uint32_t file);
/* It cannot go on; the caller ends it. ERROR is an errno, REASON is for people or empty. */
void managed_fail(struct managed *t, int error, const char *reason);
/* Whether resume data could be saved: 0 or -errno. */
void managed_note_save(struct managed *t, int error);
/* Seconds that it was seeded after its completion, in all. */
uint64_t managed_seeded_s(const struct managed *t);
void managed_opened(struct managed *t, struct fs_open_torrent *answer);
void managed_checked(struct managed *t, struct fs_check_pieces *answer);
void managed_completed(struct managed *t);
/* Super-seeding is over. */
void managed_super_seeded(struct managed *t);
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
struct managed *managed_of_swarm(struct swarm *swarm);
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
void master_tick_status(struct master *m); /* and has more torrents now, or fewer */
/* T gets what the settings say of it, now that it is there, that it has ended or that they have
 * changed. */
void managed_take_settings(struct managed *t);

/* --- master.c --- */
/* Stops every torrent; the process ends when they have ended. */
void master_stop_all(struct master *m);

/* --- master_state.c --- */
enum master_state_part {
    MASTER_STATE_RESUME,
    MASTER_STATE_KNOWN,
    MASTER_STATE_STATISTICS,
};
/* Whether saving something went well: 0 or -errno. Says so when that changes. */
void master_note_state(struct master *m, enum master_state_part part, int error);
/* 0 or -errno, said in the log. */
int master_lock_state(struct master *m);
void master_begin_statistics(struct master *m);
void master_tick_statistics(struct master *m);
struct statistics master_statistics(const struct master *m); /* as of now */
void master_end_state(struct master *m);

/* --- master_folders.c --- */
int master_open_folders(struct master *m); /* 0 or -errno, said in the log */
/* After a descriptor was readable, and once a second. */
void master_look_at_folders(struct master *m);
/* Whether master_do_folder_work has something to do. */
bool master_has_folder_work(const struct master *m);
void master_do_folder_work(struct master *m); /* for a few milliseconds */
void master_close_folders(struct master *m);
/* Writes T down, so that the next start takes it up. */
void managed_be_known(struct managed *t);

/* --- master_summary.c --- */
void master_say_summary(struct master *m);

#endif
