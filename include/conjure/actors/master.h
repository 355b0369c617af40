/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_MASTER_H
#define CONJURE_ACTORS_MASTER_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/actors/master_settings.h"
#include "conjure/fs/allocation.h"
#include "conjure/torrent/metainfo.h"

/* Why master_run ended. The values are the program's exit codes. */
enum master_outcome {
    MASTER_DONE = 0,        /* every wanted byte is verified, or a signal stopped a daemon */
    MASTER_ERROR = 1,       /* the error is logged */
    MASTER_UNREACHABLE = 4, /* no tracker and no peer replied */
    MASTER_STOPPED = 7,     /* a signal arrived before completion */
    MASTER_DISK_FULL = 9,
    MASTER_FILE_EXISTS = 13, /* a file that is not of the torrent is in its way */
};

/* A torrent to start with. Master takes over the contents and empties it, unless its own start
 * fails: then they are still the caller's. */
struct master_torrent_config {
    struct metainfo *meta;
    bool *skip_file; /* one per file, or NULL: all are wanted */
    char *folder;    /* where the content is, absolute; NULL: master_config.dir */
};

/* The state of a torrent, or the sum over all. */
struct master_status {
    const char *name; /* valid during the call; of a sum: of the first torrent that is not closed */
    uint32_t n_torrents;
    enum {
        MASTER_OPENING,
        MASTER_CHECKING,
        MASTER_DOWNLOADING,
        MASTER_SEEDING,
        MASTER_STOPPING,
        MASTER_ENDED,
    } state;
    uint64_t verified, wanted;      /* bytes */
    uint64_t stored;                /* bytes on disk of pieces that are not verified */
    uint32_t n_checked, n_to_check; /* pieces, while checking */
    uint64_t downloaded;            /* content bytes of this run; of a finished torrent only */
    uint64_t uploaded;              /* content bytes of all runs, as for the ratio */
    uint64_t down_rate, up_rate;    /* bytes per second */
    uint32_t n_peers, n_seeds;      /* now; of a finished torrent the most at one time */
    uint64_t download_ns;           /* how long the download took; of a finished torrent only */
};

enum master_report {
    MASTER_REPORT_PROGRESS, /* the sum over all torrents, about once a second */
    /* Of one torrent, once: its download is complete, or, with MASTER_STOPPING, a signal stopped it
     * before. */
    MASTER_REPORT_FINISHED,
};

/* All pointers are borrowed until master_run returns. All callbacks run in Master's thread. */
struct master_config {
    struct master_torrent_config *torrents;
    uint32_t n_torrents;
    const char *dir;          /* download folder; made when missing */
    const char *state_dir;    /* made when missing */
    const char *torrents_dir; /* of a daemon: watched for torrents; NULL: none */
    uint16_t port, last_port; /* to listen on: the first that is free; 0: any */
    enum allocation allocation;
    bool check_integrity; /* hash everything at the start, and repair it */
    bool allow_overwrite; /* of files that are not of the torrent */
    bool repair_changed;  /* download again what has changed since the torrent was complete */
    bool seed_only;       /* download nothing and write no content */
    /* Seed for ever, unless the settings set a goal, and end by a signal. A daemon also runs the
     * torrents of the state folder. A failure of one of TORRENTS ends the start; any other torrent
     * is retried. */
    bool daemon;
    struct master_settings settings; /* at the start; taken over */
    /* NULL: no reports. */
    void (*report)(void *arg, const struct master_status *status, enum master_report report);
    void *report_arg;
    /* Called once, when all TORRENTS are open and the folders are read; never when that fails. */
    void (*ready)(void *arg);
    /* Called before _exit, when a second signal ends the process at once. */
    void (*cut_short)(void *arg);
    void *process_arg; /* of both */
    /* SIGHUP to a daemon: reads the settings into NEW, which is empty and becomes Master's. Returns
     * 0, or -1 if they are invalid: then it has logged the error, and the old ones stay. NULL:
     * SIGHUP is ignored. */
    int (*reload)(void *arg, struct master_settings *new);
    void *reload_arg;
};
#define MASTER_PEERS_MAX 50000

/* Runs the program until all is done, in the process's first thread. Blocks the signals that
 * Master takes by signalfd before it starts other threads. Once per process. A second signal
 * ends the process in here, with the outcome as its exit code. */
enum master_outcome master_run(const struct master_config *config);

#endif
