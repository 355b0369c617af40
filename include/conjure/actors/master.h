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
    MASTER_DONE = 0,        /* every wanted byte is verified, or a daemon was told to stop */
    MASTER_ERROR = 1,       /* said in the log */
    MASTER_UNREACHABLE = 4, /* neither a tracker nor a peer answered */
    MASTER_STOPPED = 7,     /* a signal came before completion */
    MASTER_DISK_FULL = 9,
};

/* A torrent to start with. Master takes over what it holds and empties it, unless it cannot begin at
 * all: then it is still the caller's. */
struct master_torrent_config {
    struct metainfo *meta;
    bool *skip_file; /* one per file, or NULL: all are wanted */
    char *folder;    /* where the content goes, absolute; NULL: as all others */
};

/* How a torrent stands; of one torrent, or summed up over all. */
struct master_status {
    const char *name;
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
    uint64_t downloaded;            /* content bytes of this run */
    uint64_t uploaded;              /* content bytes of all runs: what ratios are about */
    uint64_t down_rate, up_rate;    /* bytes per second */
    uint32_t n_peers, n_seeds;      /* now; when finished: the most that there were at one time */
    uint64_t download_ns;           /* how long the download took, once complete */
};

enum master_report {
    MASTER_REPORT_PROGRESS, /* the sum over all torrents, about once a second */
    MASTER_REPORT_FINISHED, /* of one torrent, once: its download is complete, or, with MASTER_STOPPING,
                               a signal stopped it before */
};

struct master_config {
    struct master_torrent_config *torrents; /* the array stays the caller's */
    uint32_t n_torrents;
    const char *dir;          /* download folder; made absolute here */
    const char *state_dir;    /* made when missing */
    const char *torrents_dir; /* of a daemon: watched for torrents; NULL: none */
    uint16_t port, last_port; /* to listen on: the first that is free; 0: any */
    enum allocation allocation;
    bool check_integrity;
    bool daemon; /* seed for ever, unless the settings say otherwise; a signal is the normal end.
                    Takes up what the state folder knows and adds TORRENTS to that; one of these that
                    cannot be opened ends the start, any other is tried again later */
    struct master_settings settings; /* at the start; taken over */
    /* Called in Master's thread. NULL: no reports. */
    void (*report)(void *arg, const struct master_status *status, enum master_report report);
    void *report_arg;
    /* Called once in Master's thread when all of TORRENTS are open and the folders are read; never when that fails. */
    void (*ready)(void *arg);
    /* Called in Master's thread when a second signal ends the process at once: nothing follows. */
    void (*cut_short)(void *arg);
    void *process_arg; /* of both */
    /* Of a daemon that gets SIGHUP: called in Master's thread to fill NEW, which is empty and will be
     * Master's, with the settings that hold from now on. 0, or -1 when there are none to be had, which
     * is said in the log: then the old ones stay. NULL: SIGHUP is ignored. */
    int (*reload)(void *arg, struct master_settings *new);
    void *reload_arg;
};
#define MASTER_PEERS_MAX 50000

/* Runs the actors in the calling thread's process until all is done. Before the first thread
 * starts, blocks the signals that Master takes by signalfd. Only once per process. A second signal
 * ends the process from within, with the outcome as its exit code. */
enum master_outcome master_run(const struct master_config *config);

#endif
