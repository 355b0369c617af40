/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_PROGRESS_H
#define CONJURE_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The progress line. The upper half is pure formatting; the lower half is the one terminal of the
 * process, driven by one thread (Master's).
 */

enum progress_state {
    PROGRESS_CHECKING,   /* verified and wanted count what was checked and what is to be */
    PROGRESS_CONNECTING, /* no peer yet */
    PROGRESS_DOWNLOADING,
    PROGRESS_SEEDING,
    PROGRESS_STOPPING,
};

#define PROGRESS_ETA_UNKNOWN UINT64_MAX

struct progress_view {
    const char *name;    /* of the torrent, UTF-8 as far as anybody knows; ignored for several */
    uint32_t n_torrents; /* above 1 the line speaks for all of them together */
    enum progress_state state;
    uint64_t verified;      /* bytes; pieces while checking */
    uint64_t wanted;        /* the same */
    uint64_t download_rate; /* bytes per second */
    uint64_t upload_rate;
    uint64_t uploaded; /* bytes, for the ratio that a seed shows */
    uint32_t n_peers;
    uint32_t n_seeds; /* of those peers */
    uint64_t eta_s;   /* or PROGRESS_ETA_UNKNOWN */
};

/* How a torrent ended, for the line that stays. */
struct progress_summary {
    const char *name;
    uint64_t downloaded; /* content bytes fetched in this run; 0: everything was there */
    uint64_t uploaded;
    uint64_t wanted; /* bytes */
    bool stopped;    /* before completion, with so many bytes verified: */
    uint64_t verified;
    uint64_t elapsed_ns; /* from start to the last piece */
    uint32_t n_peers;    /* that took part; 0: not known, not said */
};

#define PROGRESS_TEXT_MAX  1024 /* bytes of any line, NUL included */
#define PROGRESS_WIDTH_MAX 200  /* columns that a line makes use of */

/* One line without newline or control characters, at most WIDTH columns wide (0: as wide as it
 * likes, for a log or a pipe). When there is not room for everything the least important field goes
 * first: seeds, upload rate, peers, size, ETA, rate; what is left goes to the name, and last of all
 * stands the percentage. Widths are those of the locale (LC_CTYPE). Returns TEXT. */
char *progress_format(const struct progress_view *v, unsigned width, char text[PROGRESS_TEXT_MAX]);

/* "NAME: 256.0 MiB in 3.2 s (80.0 MiB/s), 4 peers, ratio 0.12", or, when stopped, "NAME: stopped at
 * 33.1% (84.7 MiB of 256.0 MiB)". Returns TEXT. */
char *progress_format_summary(const struct progress_summary *s, char text[PROGRESS_TEXT_MAX]);

/* What of NAME fits into WIDTH columns, whole characters only, "..." where it was cut; bytes that
 * are no text in this locale and control characters become '?'. Returns the columns used. */
unsigned progress_fit_name(const char *name, unsigned width, char *text, size_t size);

/* --- the terminal -------------------------------------------------------------------------- */

/* Call once, before any other thread starts. QUIET: all calls below do nothing. The line is drawn
 * on stdout when that is a terminal, and rewritten in place; otherwise lines are printed one below
 * the other. */
void progress_start(bool quiet);

/* Whether there is a terminal: show every second, or seldom (every PROGRESS_PLAIN_S). */
bool progress_is_live(void);
#define PROGRESS_PLAIN_S 10

/* Draws the line, measured to the terminal as it is at this moment. */
void progress_show(const struct progress_view *v);

/* Takes the line away; nothing happens when there is none. */
void progress_clear(void);

/* Prints a line that stays. */
void progress_say(const char *text);

/* What must come before every line that another thread writes to stderr, in the same write: takes a
 * progress line away where both share a terminal, "" elsewhere. A literal; for logger_start. */
const char *progress_log_prefix(void);

#endif
