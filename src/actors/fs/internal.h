/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_INTERNAL_H
#define CONJURE_SRC_ACTORS_FS_INTERNAL_H

#include "actors/fs/worker.h"
#include "conjure/actors/actor.h"
#include "conjure/actors/fs.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/clock.h"
#include "conjure/base/due_heap.h"
#include "conjure/base/list.h"
#include "conjure/base/owner.h"
#include "conjure/fs/storage.h"

/* Shared by the files of FS. All of it belongs to FS's thread. */

#define FACILITY "fs"

enum saving {
    SAVING_NOTHING,
    SAVING_ASKED, /* for SaveResume */
    SAVING_CHECK, /* the progress of a check */
    SAVING_CLOSE, /* for CloseTorrent */
};

/* A torrent that is open, or waits to be opened. */
struct fs_torrent {
    struct list place; /* in `torrents`, or in `opening` */
    struct fs_torrent *next_active, *previous_active;
    bool active; /* every round of the loop tries to continue its work */
    struct torrent *torrent;
    struct storage *storage;
    /* Queries under way, or NULL. */
    struct fs_open_torrent *open;
    struct fs_check_pieces *check;
    struct fs_save_resume *save;
    struct fs_close_torrent *close;
    enum saving saving; /* the purpose of the save job under way */
    bool writing;       /* a write, or a list of them, is under way */
    bool failure_reported;
    /* The check. */
    int check_error;
    uint32_t n_to_check;
    uint64_t progress_ns;    /* last CheckProgress */
    uint64_t check_saved_ns; /* last resume data of a check */
    struct due restat;       /* in `restats`, unless its restat is under way */
    /* Pieces that wait for their hash. */
    uint64_t arrival_ns;  /* when the last one arrived */
    uint64_t interval_ns; /* the average time between two arrivals */
    uint64_t oldest_ns;   /* arrival of the piece that has waited longest */
    /* With --allocation=compact: blocks that wait until the job under way has ended. */
    struct fs_store_blocks **parked;
    size_t n_parked, parked_room;
};

/* A worker as FS sees it. */
struct fs_worker {
    struct worker *worker;
    struct worker_run run;
    struct worker_shutdown shutdown;
    bool busy;
};

struct fs {
    struct actor actor;
    struct owner owner; /* FS's thread */
    struct waker waker;
    struct fs_inbox inbox;
    struct master_inbox *master;
    struct lobby_inbox *lobby;
    struct handle_pool pool;
    struct piece_buffers buffers;
    struct list torrents; /* open ones, or being opened */
    struct fs_torrent *active;
    struct list opening; /* n_opening torrents that wait for an idle worker */
    uint32_t n_opening;
    bool stopped_opening;
    struct due_heap restats; /* torrents by the time of their next restat */
    bool restating;
    uint64_t restat_began_ns; /* when the last restat began */
    uint64_t restat_after_ns; /* the next one begins no earlier */
    struct disk_job *queue_first, *queue_last;
    struct fs_worker *workers; /* n_workers for jobs; after them places for as many checkers */
    unsigned n_workers, n_busy, n_hashing;
    unsigned n_checkers, n_checking;
    uint32_t n_leased;  /* leases of files that peers hold */
    uint64_t stored_ns; /* last StoreBlocks */
    unsigned n_ending;  /* workers that have not replied to Shutdown */
    struct fs_shutdown *shutdown;
    bool ended;
    uint64_t now;
};

#endif
