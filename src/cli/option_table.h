/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_CLI_OPTION_TABLE_H
#define CONJURE_SRC_CLI_OPTION_TABLE_H

#include <stddef.h>

/*
 * The list of all options of the main job, in the order of --help. The parser, the help text and
 * the test of the man page are made from it, so that each has every option.
 *
 *   ROW(id, letter or 0, long name, name of the argument or NULL, effect)
 */
#define OPTION_TABLE(ROW)                                                                        \
    ROW(OUTPUT, 'o', "output", "DIR", "put the content into DIR (default: .)")                   \
    ROW(PORT, 'p', "port", "PORT", "listen on PORT; 0: any (default: 6881 to 6889)")             \
    ROW(VERBOSE, 'v', "verbose", NULL, "log every message to stderr")                            \
    ROW(QUIET, 'q', "quiet", NULL, "log only errors, show no progress")                          \
    ROW(DAEMON, 'd', "daemon", NULL, "download and seed in the background")                      \
    ROW(FOREGROUND, 0, "foreground", NULL, "with -d: stay in the foreground, log to stderr")     \
    ROW(MAX_PEERS, 0, "max-peers", "N", "at most N connections (default: 200; -d: more)")        \
    ROW(MAX_DOWNLOAD_LIMIT, 0, "max-download-limit", "RATE",                                     \
        "download at most RATE bytes/s, as in 1.5M")                                             \
    ROW(MAX_UPLOAD_LIMIT, 0, "max-upload-limit", "RATE",                                         \
        "upload at most RATE; 0, the default: no limit")                                         \
    ROW(LIMIT_LAN, 0, "limit-lan", "yes|no", "limit peers in the LAN, too (default: yes)")       \
    ROW(SEED_RATIO, 0, "seed-ratio", "RATIO", "seed until RATIO times the size is uploaded")     \
    ROW(SEED_TIME, 0, "seed-time", "MINUTES", "seed for MINUTES after completion")               \
    ROW(SUPER_SEED, 0, "super-seed", NULL, "send each piece once before any piece twice")        \
    ROW(SELECT_FILE, 0, "select-file", "LIST", "download only these files, as in 1-3,7")         \
    ROW(CHECK_INTEGRITY, 0, "check-integrity", NULL, "hash all content on disk before starting") \
    ROW(ALLOW_OVERWRITE, 0, "allow-overwrite", NULL, "overwrite files that have other content")  \
    ROW(ON_CHANGE, 0, "on-change", "report|repair",                                              \
        "what to do when complete content has changed")                                          \
    ROW(SEED_ONLY, 0, "seed-only", NULL, "download nothing, and write no content")               \
    ROW(ALLOCATION, 0, "allocation", "HOW", "sparse (default), full or compact")                 \
    ROW(STATE_DIR, 0, "state-dir", "DIR", "keep resume data in DIR")                             \
    ROW(SAVE_INTERVAL, 0, "save-interval", "SECONDS",                                            \
        "save resume data every SECONDS (default: 60)")                                          \
    ROW(TORRENTS_DIR, 0, "torrents-dir", "DIR", "with -d: watch DIR and seed its torrents")      \
    ROW(PID_FILE, 0, "pid-file", "FILE", "with -d: write the process id into FILE")              \
    ROW(CONFIG, 0, "config", "FILE", "read options from FILE (default: see below)")              \
    ROW(HELP, 'h', "help", NULL, "show this help and exit")                                      \
    ROW(VERSION, 'V', "version", NULL, "show the version and exit")

#define OPTION_ID(id, letter, name, argument, help) OPTION_##id,
enum option_id { OPTION_TABLE(OPTION_ID) N_OPTIONS };

struct option_row {
    char letter;          /* or 0 */
    const char *name;     /* without the dashes */
    const char *argument; /* or NULL */
    const char *help;
};
extern const struct option_row option_table[N_OPTIONS];

#endif
