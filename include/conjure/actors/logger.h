/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_LOGGER_H
#define CONJURE_ACTORS_LOGGER_H

#include <stdbool.h>

#include "conjure/msg/logger.h"

/*
 * Logger: writes log lines to a file descriptor or to syslog(3), so that no other actor waits for a
 * terminal, a disk or a socket in order to log. One Logger runs at a time. While it runs it is the
 * sink of conjure/base/log.h, and the lines of one thread are written in order.
 *
 * Lines that were logged before Shutdown is answered are written; later ones go to the default
 * sink, so that no error during the exit is lost.
 */
struct logger;

enum logger_target {
    LOGGER_FD,     /* lines to `fd` */
    LOGGER_SYSLOG, /* to syslog(3), as daemon */
};

#define LOGGER_PREFIX_MAX 16

struct logger_config {
    enum logger_target target;
    int fd;             /* of LOGGER_FD; the caller's, open until logger_join */
    bool detailed;      /* LOGGER_FD: with time and priority before facility and text */
    bool journal;       /* LOGGER_FD: with the priority as journald reads it, <3> to <7> */
    const char *prefix; /* LOGGER_FD: at most LOGGER_PREFIX_MAX bytes before every write, which
                           erase a progress line; a literal or NULL */
    bool also_stderr;   /* LOGGER_SYSLOG: to descriptor 2 as well */
};
#define LOGGER_CONFIG_DEFAULT ((struct logger_config){.fd = 2})

/* When so many lines wait, debug lines are dropped; with ten times as many, all lines but errors.
 * That is about 1 MiB and 10 MiB. The number of dropped lines is logged. */
#define LOGGER_WAITING_MAX 10000u

/* Whether FD leads to journald: then JOURNAL_STREAM has its device and inode (systemd.exec(5)). */
bool logger_is_journal(int fd);

/* Makes Logger the sink. One thread starts and ends all Loggers, one after the other. */
struct logger *logger_start(const struct logger_config *config);
struct logger_inbox *logger_inbox(struct logger *l);
void logger_join(struct logger *l);

/* Shutdown and join in one, for a process without a Master. Also fine after Shutdown, and with
 * NULL. */
void logger_stop(struct logger *l);

#endif
