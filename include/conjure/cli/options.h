/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_OPTIONS_H
#define CONJURE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "conjure/fs/allocation.h"

/*
 * The command line of the main job, `conjure [OPTION]... FILE.torrent...`. The subcommands (create,
 * show, tracker) have their own, in their own files. Main thread only: getopt(3) has global state.
 */

#define OPTIONS_PORT           6881 /* the first of the range that the original client used */
#define OPTIONS_PORT_LAST      6889
#define OPTIONS_PEERS          200
#define OPTIONS_PEERS_MAX      100000
#define OPTIONS_RANGES_MAX     4096 /* ranges in one --select-file */
#define OPTIONS_SEED_TIME_NONE UINT64_MAX

/* Exit codes of the program; they stand in the man page. */
enum exit_code {
    EXIT_DONE = 0,        /* every wanted byte is verified */
    EXIT_ERROR = 1,       /* anything that has no code of its own */
    EXIT_USAGE = 2,       /* the command line makes no sense */
    EXIT_REFUSED = 3,     /* not a torrent, or one that we do not trust */
    EXIT_UNREACHABLE = 4, /* neither a tracker nor a peer answers */
    EXIT_STOPPED = 7,     /* a signal came before completion */
    EXIT_DISK_FULL = 9,
};

/* Outcomes of options_parse. */
enum {
    OPTIONS_RUN = 0,
    OPTIONS_SHOWN, /* help or version is on OUT: exit with EXIT_DONE */
    OPTIONS_USAGE, /* what is wrong is on ERR: exit with EXIT_USAGE */
};

/* Numbers of files as `conjure show` lists them: from 1, both ends included. */
struct file_range {
    uint32_t first;
    uint32_t last;
};

/* What the configuration file says about one torrent. */
struct option_section {
    char *torrent; /* owned: its name, or its info-hash as 40 lower-case hex digits */
    unsigned line; /* where the section begins */
    uint64_t max_upload_limit, max_download_limit;      /* of this torrent alone; 0: none */
    bool has_seed_ratio, has_seed_time, has_super_seed; /* else as for all */
    double seed_ratio;
    uint64_t seed_time_s;
    bool super_seed;
};

struct options {
    char **torrents; /* points into argv, which the parser reorders */
    uint32_t n_torrents;
    char *dir;     /* owned: where content goes */
    uint16_t port; /* 0: any. Without port_given, the caller tries up to OPTIONS_PORT_LAST */
    bool port_given;
    bool verbose; /* every message of every facility */
    bool quiet;   /* errors only, and no progress */
    bool daemon;
    bool foreground; /* of a daemon: do not fork, log to stderr */
    bool check_integrity;
    enum allocation allocation;
    uint32_t max_peers;          /* connections of the whole process; 0: a daemon that was not told,
                                    which takes what the limit of open files allows */
    uint64_t max_download_limit; /* bytes per second, 0: none */
    uint64_t max_upload_limit;
    double seed_ratio;           /* seed until uploaded / wanted bytes; 0: not asked for */
    uint64_t seed_time_s;        /* seed that long after completion; OPTIONS_SEED_TIME_NONE: not
                                    asked for; seeding ends with whichever comes first */
    struct file_range *selected; /* owned; NULL: all files */
    uint32_t n_selected;
    bool limit_lan; /* the limits hold in the local network, too */
    bool super_seed;
    char *state_dir; /* owned; absolute when it was not given by --state-dir */
    /* Owned, NULL when not given; the first and the last only with daemon. */
    char *torrents_dir, *config, *pid_file;
    struct option_section *sections; /* owned */
    uint32_t n_sections;
};
#define OPTIONS_DEFAULT \
    ((struct options){  \
        .port = OPTIONS_PORT, .seed_time_s = OPTIONS_SEED_TIME_NONE, .limit_lan = true})

/* Fills O, which holds OPTIONS_DEFAULT, from ARGV. Help and version are written to OUT; a complaint
 * of one line and where to find help to ERR. Reads XDG_STATE_HOME and HOME. */
int options_parse(struct options *o, int argc, char **argv, FILE *out, FILE *err);
void options_deinit(struct options *o); /* safe on OPTIONS_DEFAULT and safe twice */

/* Whether file FILE (from 0, as in struct metainfo) is wanted. */
bool options_selects(const struct options *o, uint32_t file);

/* The highest file number that --select-file names, or 0; above n_files it is a usage error. */
uint32_t options_last_selected(const struct options *o);

/* All of --help, made from the table that the parser uses. */
void options_write_help(FILE *out);

#endif
