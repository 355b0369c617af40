/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_SIGNALS_H
#define CONJURE_SRC_ACTORS_MASTER_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

/* The signals of the process, read from a signalfd. One thread. */
struct signals {
    int fd;           /* to poll for reading; -1: closed */
    uint64_t stop_ns; /* when the first signal to stop arrived; 0: none has */
    bool daemon;
};
#define SIGNALS_EMPTY ((struct signals){.fd = -1})

enum signals_request {
    SIGNALS_NOTHING = 0,
    SIGNALS_RELOAD,       /* SIGHUP to a daemon */
    SIGNALS_SUMMARY,      /* SIGUSR1 */
    SIGNALS_STOP,         /* SIGTERM, SIGINT, SIGHUP */
    SIGNALS_STOP_AT_ONCE, /* a second of those */
};

/* Blocks the signals and opens the descriptor; ignores SIGPIPE. Call before any thread starts.
 * 0 or -errno. */
int signals_open(struct signals *s, bool daemon);
void signals_close(struct signals *s); /* safe on SIGNALS_EMPTY and safe twice */

/* Reads the next pending signal, and sets *NUMBERP to its number. */
enum signals_request signals_next(struct signals *s, uint64_t now, int *numberp);

#endif
