/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_PROGRESS_H
#define CONJURE_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The text of the progress line (cli/terminal.h draws it). Pure but for the locale; any thread. */

enum progress_state {
    PROGRESS_CHECKING,   /* `verified`: pieces checked so far; `wanted`: pieces to check in all */
    PROGRESS_CONNECTING, /* no peer yet */
    PROGRESS_DOWNLOADING,
    PROGRESS_SEEDING,
    PROGRESS_STOPPING,
};

#define PROGRESS_ETA_UNKNOWN UINT64_MAX

struct progress_view {
    const char *name;    /* of the torrent, expected to be UTF-8; ignored for several torrents */
    uint32_t n_torrents; /* above 1, the line sums up all of them */
    enum progress_state state;
    uint64_t verified;      /* bytes; pieces while checking */
    uint64_t wanted;        /* likewise */
    uint64_t download_rate; /* bytes per second */
    uint64_t upload_rate;
    uint64_t uploaded; /* bytes, for the ratio that a seed shows */
    uint32_t n_peers;
    uint32_t n_seeds; /* of those peers */
    uint64_t eta_s;   /* or PROGRESS_ETA_UNKNOWN */
};

/* The outcome of a torrent, for the line that stays. */
struct progress_summary {
    const char *name;
    uint64_t downloaded; /* content bytes fetched in this run; 0: all was on disk */
    uint64_t uploaded;
    uint64_t wanted;     /* bytes */
    bool stopped;        /* before completion */
    uint64_t verified;   /* bytes; only when stopped */
    uint64_t elapsed_ns; /* from start to the last piece */
    uint32_t n_peers;    /* that sent or received data; 0: unknown, left out */
};

#define PROGRESS_TEXT_MAX  1024 /* bytes of any line, NUL included */
#define PROGRESS_WIDTH_MAX 200  /* columns that a line uses at most */

/* Writes one line without newline or control characters, at most WIDTH columns wide (0:
 * PROGRESS_WIDTH_MAX). When not all fields fit, it leaves out the least important ones: in a
 * download seeds, upload rate, peers, size, ETA, rate, in this order. The name takes the remaining
 * columns. Widths are those of the locale (LC_CTYPE). Returns TEXT. */
char *progress_format(const struct progress_view *v, unsigned width, char text[PROGRESS_TEXT_MAX]);

/* "NAME: 256.0 MiB in 3.2 s (80.0 MiB/s), 4 peers, ratio 0.12", or, when stopped, "NAME: stopped at
 * 33.1% (84.7 MiB of 256.0 MiB)". Returns TEXT. */
char *progress_format_summary(const struct progress_summary *s, char text[PROGRESS_TEXT_MAX]);

/* Writes as much of NAME as fits into WIDTH columns, in whole characters, and "..." where it was
 * cut. Control characters and bytes that are not text in the locale become '?'. Returns the columns
 * used. */
unsigned progress_fit_name(const char *name, unsigned width, char *text, size_t size);

#endif
