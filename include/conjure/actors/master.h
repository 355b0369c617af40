/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_MASTER_H
#define CONJURE_ACTORS_MASTER_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/fs/allocation.h"
#include "conjure/torrent/metainfo.h"

/* Why master_run ended. */
enum master_outcome {
    MASTER_DONE,        /* every wanted byte is verified, or a daemon was told to stop */
    MASTER_ERROR,       /* said in the log */
    MASTER_UNREACHABLE, /* neither a tracker nor a peer answered */
    MASTER_STOPPED,     /* a signal came before completion */
    MASTER_DISK_FULL,
};

/* A torrent to start with. */
struct master_torrent_config {
    struct metainfo *meta; /* taken over */
    bool *skip_file;       /* taken over: one per file, or NULL: all are wanted */
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
    uint32_t n_checked, n_to_check; /* pieces, while checking */
    uint64_t downloaded, uploaded;  /* content bytes of this run */
    uint64_t down_rate, up_rate;    /* bytes per second */
    uint32_t n_peers, n_seeds;
    uint64_t download_ns; /* how long the download took, once complete */
};

struct master_config {
    struct master_torrent_config *torrents; /* the array stays the caller's */
    uint32_t n_torrents;
    const char *dir;       /* download folder; made absolute here */
    const char *state_dir; /* made when missing */
    int listen_fd;         /* taken over */
    uint16_t port;
    enum allocation allocation;
    bool check_integrity;
    bool daemon;          /* seed for ever; a signal is the normal end */
    double seed_ratio;    /* 0: not asked for */
    uint64_t seed_time_s; /* UINT64_MAX: not asked for */
    unsigned max_peers;
    uint64_t max_upload_limit, max_download_limit; /* bytes per second, 0: none */
    /* Called about once a second in Master's thread with the sum over all torrents, and with
     * FINISHED once per torrent, when its download is complete. */
    void (*report)(void *arg, const struct master_status *status, bool finished);
    void *report_arg;
};

/* Runs the actors in the calling thread's process until all is done. Before the first thread
 * starts, blocks the signals that Master takes by signalfd. Only once per process. */
enum master_outcome master_run(const struct master_config *config);

#endif
