/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_INTERNAL_H
#define CONJURE_SRC_ACTORS_FS_INTERNAL_H

#include "actors/fs/worker.h"
#include "conjure/actors/actor.h"
#include "conjure/actors/fs.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/clock.h"
#include "conjure/base/due_heap.h"
#include "conjure/fs/storage.h"

/* What the parts of FS share; nobody else includes this. All of it belongs to FS's thread. */

#define FACILITY "fs"

enum saving {
    SAVING_NOTHING,
    SAVING_ASKED, /* by `save` */
    SAVING_CHECK, /* how far a check has come */
    SAVING_CLOSE, /* by `close` */
};

/* A torrent that is open, or waits for it. */
struct opened {
    struct opened *next, *previous; /* in `torrents`, or next in `opening` */
    struct opened *next_active, *previous_active;
    bool active; /* has something to go on with: looked at in every round */
    struct torrent *torrent;
    struct storage *storage;
    struct fs_open_torrent *open; /* queries under way, or NULL */
    struct fs_check_pieces *check;
    struct fs_save_resume *save;
    struct fs_close_torrent *close;
    enum saving saving; /* what the resume job under way is for */
    bool writing;       /* a write, or a list of them, is under way */
    bool told_failure;
    int check_error;
    struct due look; /* in `looks`, but while it is being looked at */
    uint32_t n_to_check;
    uint64_t progress_ns;    /* last CheckProgress */
    uint64_t check_saved_ns; /* last resume data of a check */
    /* Pieces that wait for their hash. */
    uint64_t arrival_ns;  /* the last one came */
    uint64_t interval_ns; /* between arrivals, on average */
    uint64_t oldest_ns;   /* the first of those that wait came */
    /* Compact: blocks that have to wait for the job under way. */
    struct fs_store_blocks **parked;
    uint32_t n_parked, parked_room;
};

struct slot {
    struct worker *worker;
    struct worker_run run;
    struct worker_shutdown shutdown;
    bool busy;
};

struct fs {
    struct actor actor;
    struct waker waker;
    struct fs_inbox inbox;
    struct master_inbox *master;
    struct lobby_inbox *lobby;
    struct handle_pool pool;
    struct piece_buffers buffers;
    struct opened *torrents, *active;
    struct opened *opening_first, *opening_last; /* no worker was idle yet: n_opening of them */
    uint32_t n_opening;
    bool opens_no_more;
    struct due_heap looks; /* all torrents, by when their files are to be looked at */
    bool looking;
    uint64_t look_began_ns, look_after_ns; /* the last one; the next one not before */
    struct disk_job *queue_first, *queue_last;
    struct slot *workers; /* as many for checks follow, of which n_checkers are started */
    unsigned n_workers, n_busy, n_hashing;
    unsigned n_checkers, n_checking;
    uint32_t n_leased;  /* to peers */
    uint64_t stored_ns; /* blocks came */
    unsigned n_parting; /* workers that have not answered to Shutdown */
    struct fs_shutdown *shutdown;
    bool ended;
    uint64_t now;
};

/* --- fs_queue.c: who does what, and what waits ----------------------------------------------- */

/* T is looked at in the next round, and until it has nothing left to go on with. */
void fs_activate(struct fs *self, struct opened *t);
void fs_deactivate(struct fs *self, struct opened *t);
struct slot *fs_find_idle(struct slot *slots, unsigned n); /* or NULL */
/* JOB, or the list that begins with it, to the worker of SLOT, which is idle. */
void fs_give(struct fs *self, struct slot *slot, struct disk_job *job);
/* The same, to an idle worker that is none for checks. */
void fs_give_to_worker(struct fs *self, struct disk_job *job);
bool fs_has_idle_worker(const struct fs *self);
/* To an idle worker, or else to the queue. */
void fs_queue_job(struct fs *self, struct disk_job *job);
/* The first job that may run, with what can be done together with it. */
struct disk_job *fs_unqueue_job(struct fs *self);

/* --- fs_look.c ------------------------------------------------------------------------------- */

/* T has been opened. */
void fs_expect_look(struct fs *self, struct opened *t);
void fs_look_ended(struct fs *self, struct opened *t);
/* Begins the next one, if it is due; returns how long to sleep at most. */
uint64_t fs_start_look(struct fs *self);

/* --- fs_check.c ------------------------------------------------------------------------------ */

void fs_start_checks(struct fs *self);
/* A worker that gives way, or NULL when enough of them are busy. */
struct slot *fs_find_checker(struct fs *self);
/* Nobody waits for the rest of T's check any more. */
void fs_cancel_check(struct fs *self, const struct opened *t);
/* Tells Master how far T's check is, now and then. */
void fs_report_check(struct fs *self, struct opened *t);
/* Whether it is time to save how far T's check is; does it. */
bool fs_is_check_save_due(const struct fs *self, const struct opened *t);
void fs_start_check_save(struct fs *self, struct opened *t);

#endif
