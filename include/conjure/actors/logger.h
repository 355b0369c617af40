/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_LOGGER_H
#define CONJURE_ACTORS_LOGGER_H

#include <stdbool.h>

#include "conjure/msg/logger.h"

/*
 * Logger: drains one channel of log lines to a file descriptor or to syslog(3), so that no other
 * actor waits for a terminal, a disk or a socket in order to speak. There is one at a time; while
 * it runs it is the sink of conjure/base/log.h, and lines of one thread come out in their order.
 *
 * What was logged before Shutdown came home is written; what is logged later goes where the sink
 * of last resort puts it, so an error on the way out is not lost either.
 */
struct logger;

enum logger_target {
    LOGGER_FD,     /* lines to `fd` */
    LOGGER_SYSLOG, /* to syslog(3), as daemon */
};

struct logger_config {
    enum logger_target target;
    int fd;             /* of LOGGER_FD, 2 for stderr; the caller's, open until logger_join */
    bool detailed;      /* LOGGER_FD: with time and priority, not only facility and text */
    const char *prefix; /* LOGGER_FD: bytes before every write, to take a progress line away; a
                           literal or NULL */
    bool also_stderr;   /* LOGGER_SYSLOG: to descriptor 2 as well, whatever that becomes */
};
#define LOGGER_CONFIG_DEFAULT ((struct logger_config){.fd = 2})

/* With so many lines waiting debug lines are dropped, and with ten times as many all but errors:
 * about 1 MiB and 10 MiB. What was dropped is counted, and the count is logged. */
#define LOGGER_WAITING_MAX 10000u

/* Starts the thread and makes it the sink. NULL, with errno set, when there is no thread for it.
 * Main thread only, not while another Logger runs. */
struct logger *logger_start(const struct logger_config *config);
/* Where to send Shutdown; valid until logger_join. */
struct logger_inbox *logger_inbox(struct logger *l);
/* After Shutdown came home: waits for the thread's end. NULL is fine. */
void logger_join(struct logger *l);

/* Shutdown and join in one, for a main without a Master; also fine after Shutdown, and with NULL.
 */
void logger_stop(struct logger *l);

#endif
