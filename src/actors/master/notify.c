/* SPDX-License-Identifier: MIT */
/*
 * A daemon must not wait for its service manager: a datagram that cannot be sent is dropped. The
 * first is logged, and the manager has timeouts of its own. The manager checks the credentials,
 * which the kernel adds, so the process that it started must send.
 */
#include "actors/master/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "conjure/base/log.h"

#define FACILITY "notify"

#define TEXT_MAX 512

/* The number in the environment variable NAME, or 0. */
static uint64_t number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;
    uint64_t n;

    if (!text || *text < '0' || *text > '9')
        return 0;
    errno = 0;
    n = strtoull(text, &end, 10);
    return *end || errno ? 0 : n;
}

int notify_open(struct notify *n)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t length = name ? strlen(name) : 0;
    uint64_t pid = number_of("WATCHDOG_PID"), usec = number_of("WATCHDOG_USEC");

    *n = NOTIFY_EMPTY;
    if (!length)
        return 0;
    if ((*name != '/' && *name != '@') || length < 2)
        return -EAFNOSUPPORT;
    /* A path has its NUL; a name in the abstract namespace begins with one and has none. */
    if (length + (*name == '/') > sizeof n->to.sun_path)
        return -ENAMETOOLONG;
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, name, length);
    if (*name == '@')
        n->to.sun_path[0] = '\0';
    n->to_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (*name == '/'));
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (n->fd < 0)
        return -errno;
    if (usec <= UINT64_MAX / 1000 && (!pid || pid == (uint64_t)getpid()))
        n->watchdog_ns = usec * 1000;
    return 0;
}

void notify_close(struct notify *n)
{
    if (n->fd >= 0)
        close(n->fd);
    *n = NOTIFY_EMPTY;
}

static void send_text(struct notify *n, const char *text)
{
    if (n->fd < 0)
        return;
    if (sendto(n->fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&n->to, n->to_size) <
            0 &&
        !n->failure_logged) {
        n->failure_logged = true;
        log_warning(FACILITY, "cannot notify the service manager: %s", strerror(errno));
    }
}

void notify_ready(struct notify *n, const char *status)
{
    char text[TEXT_MAX];

    snprintf(text, sizeof text, "READY=1\nMAINPID=%ld\nSTATUS=%.400s", (long)getpid(), status);
    send_text(n, text);
}

void notify_status(struct notify *n, const char *status)
{
    char text[TEXT_MAX];

    snprintf(text, sizeof text, "STATUS=%.400s", status);
    send_text(n, text);
}

void notify_reloading(struct notify *n)
{
    struct timespec now;
    char text[TEXT_MAX];

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    send_text(n, text);
}

void notify_stopping(struct notify *n)
{
    send_text(n, "STOPPING=1");
}

void notify_alive(struct notify *n)
{
    if (n->watchdog_ns)
        send_text(n, "WATCHDOG=1");
}
