/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_NOTIFY_H
#define CONJURE_SRC_ACTORS_MASTER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * The state of a daemon for its service manager, by sd_notify(3): each call sends one datagram of
 * KEY=VALUE lines to the socket that the environment names. Without one, nothing is sent. One
 * thread.
 */
struct notify {
    int fd; /* -1: no manager */
    struct sockaddr_un to;
    socklen_t to_size;
    uint64_t watchdog_ns; /* the manager expects notify_alive within this time; 0: never */
    bool failure_logged;
};
#define NOTIFY_EMPTY ((struct notify){.fd = -1})

/* Reads NOTIFY_SOCKET (a path, or a name in the abstract namespace behind '@'), WATCHDOG_USEC and
 * WATCHDOG_PID. Returns 0, also if none is set. -errno: the name is not valid, or no descriptor is
 * left; N is empty then. */
int notify_open(struct notify *n);
void notify_close(struct notify *n); /* safe on NOTIFY_EMPTY and safe twice */

/* The start, or a reload, is over: STATUS is a line for people. */
void notify_ready(struct notify *n, const char *status);
void notify_status(struct notify *n, const char *status); /* another line, in between */
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);
/* All actors work. Sends nothing if the manager does not expect it. */
void notify_alive(struct notify *n);

#endif
