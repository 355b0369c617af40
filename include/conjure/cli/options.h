/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_OPTIONS_H
#define CONJURE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/fs/allocation.h"

/*
 * The values of all options of the main job, `conjure [OPTION]... FILE.torrent...`. The command
 * line (cli/command_line.h) and the configuration file (cli/config.h) fill them in. Pure; any
 * thread.
 */

#define OPTIONS_PORT           6881 /* the first of the range that the original client used */
#define OPTIONS_PORT_LAST      6889
#define OPTIONS_PEERS          200 /* default of --max-peers without -d */
#define OPTIONS_PEERS_MAX      100000
#define OPTIONS_RANGES_MAX     4096 /* ranges in one --select-file */
#define OPTIONS_SEED_TIME_NONE UINT64_MAX
#define OPTIONS_SAVE_INTERVAL  60 /* seconds */

/* File numbers as `conjure show` prints them: from 1, both ends included. */
struct file_range {
    uint32_t first;
    uint32_t last;
};

/* A section of the configuration file: the settings of one torrent. */
struct option_section {
    char *torrent; /* owned: the torrent's name, or its info-hash as 40 lower-case hex digits */
    unsigned line; /* where the section begins */
    uint64_t max_upload_limit, max_download_limit; /* bytes per second; 0: no limit */
    bool has_seed_ratio, has_seed_time,
        has_super_seed; /* false: the value of struct options holds */
    double seed_ratio;
    uint64_t seed_time_s;
    bool super_seed;
};

struct options {
    char **torrents; /* points into argv, which the parser reorders */
    uint32_t n_torrents;
    char *dir;     /* owned: the folder for content */
    uint16_t port; /* 0: any. Without port_given, the caller tries up to OPTIONS_PORT_LAST */
    bool port_given;
    bool verbose; /* log every message of every facility */
    bool quiet;   /* log errors only, show no progress */
    bool daemon;
    bool foreground; /* with daemon: do not fork, log to stderr */
    bool check_integrity;
    bool allow_overwrite; /* of files that are not of the torrent */
    bool repair_changed;  /* download again what has changed since the torrent was complete */
    bool seed_only;       /* download nothing and write no content */
    enum allocation allocation;
    uint32_t max_peers;          /* connections of the whole process; 0, in a daemon without
                                    --max-peers: as many as the limit of open files allows */
    uint64_t max_download_limit; /* bytes per second; 0: no limit */
    uint64_t max_upload_limit;
    double seed_ratio;    /* seed until uploaded / wanted bytes reaches it; 0: no such goal */
    uint64_t seed_time_s; /* seed for so long after completion; OPTIONS_SEED_TIME_NONE: no such
                                    goal. Seeding ends when either goal is met */
    struct file_range *selected; /* owned; NULL: all files */
    uint32_t n_selected;
    uint32_t save_interval_s; /* between two saves of resume data */
    bool limit_lan;           /* the limits also apply to peers in the local network */
    bool super_seed;
    char *state_dir; /* owned; the default is absolute, --state-dir is as given */
    /* Owned, NULL when not given. torrents_dir and pid_file are set in a daemon only. */
    char *torrents_dir, *config, *pid_file;
    struct option_section *sections; /* owned */
    uint32_t n_sections;
};
#define OPTIONS_DEFAULT                                      \
    ((struct options){.port = OPTIONS_PORT,                  \
                      .seed_time_s = OPTIONS_SEED_TIME_NONE, \
                      .limit_lan = true,                     \
                      .save_interval_s = OPTIONS_SAVE_INTERVAL})

void options_deinit(struct options *o); /* safe on OPTIONS_DEFAULT and safe twice */

/* Whether file FILE (from 0, as in struct metainfo) is selected. */
bool options_selects(const struct options *o, uint32_t file);

/* The highest file number in --select-file, or 0. One above the torrent's number of files is a
 * usage error. */
uint32_t options_last_selected(const struct options *o);

#endif
