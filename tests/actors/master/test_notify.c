/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "actors/master/notify.h"

static char path[] = "/tmp/conjure-test-notify-XXXXXX";
static struct notify n = NOTIFY_EMPTY;
static int manager = -1;
static char datagram[1024];

static void remove_path(void)
{
    unlink(path);
}

/* The test plays the service manager, at PATH or where the kernel finds room in its own
 * namespace. */
static void begin(bool abstract)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t size = sizeof at.sun_family;
    char name[128];

    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(manager, 0);
    if (!abstract) {
        int fd = mkstemp(path);

        ck_assert_int_ge(fd, 0);
        close(fd);
        unlink(path);
        atexit(remove_path);
        strcpy(at.sun_path, path);
        size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
    }
    ck_assert_int_eq(bind(manager, (struct sockaddr *)&at, size), 0);
    size = sizeof at;
    ck_assert_int_eq(getsockname(manager, (struct sockaddr *)&at, &size), 0);
    if (abstract)
        snprintf(name, sizeof name, "@%.*s",
                 (int)(size - offsetof(struct sockaddr_un, sun_path) - 1), at.sun_path + 1);
    setenv("NOTIFY_SOCKET", abstract ? name : path, 1);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

/* The received datagram, or "". */
static const char *receive(void)
{
    ssize_t size = recv(manager, datagram, sizeof datagram - 1, MSG_DONTWAIT);

    datagram[size > 0 ? size : 0] = '\0';
    return datagram;
}

static void end(void)
{
    notify_close(&n);
    notify_close(&n);
    close(manager);
}

static void send_everything(void)
{
    struct timespec now;
    char expected[128];
    uint64_t usec;

    ck_assert_int_eq(notify_open(&n), 0);
    notify_ready(&n, "2 torrents");
    snprintf(expected, sizeof expected, "READY=1\nMAINPID=%ld\nSTATUS=2 torrents", (long)getpid());
    ck_assert_str_eq(receive(), expected);
    notify_reloading(&n);
    clock_gettime(CLOCK_MONOTONIC, &now);
    ck_assert_int_eq(sscanf(receive(), "RELOADING=1\nMONOTONIC_USEC=%" SCNu64, &usec), 1);
    ck_assert_uint_le(usec, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    ck_assert_uint_gt(usec, (uint64_t)now.tv_sec * 1000000 - 60 * 1000000);
    notify_alive(&n); /* the manager does not expect it */
    ck_assert_str_eq(receive(), "");
    notify_stopping(&n);
    ck_assert_str_eq(receive(), "STOPPING=1");
}

START_TEST(a_manager_at_a_path_receives_all)
{
    begin(false);
    send_everything();
    end();
}
END_TEST

START_TEST(a_manager_in_the_abstract_namespace_receives_all)
{
    begin(true);
    send_everything();
    end();
}
END_TEST

START_TEST(only_the_watched_process_feeds_the_watchdog)
{
    char pid[32];

    begin(true);
    setenv("WATCHDOG_USEC", "30000000", 1);
    ck_assert_int_eq(notify_open(&n), 0);
    ck_assert_uint_eq(n.watchdog_ns, UINT64_C(30000000000));
    notify_alive(&n);
    ck_assert_str_eq(receive(), "WATCHDOG=1");
    notify_close(&n);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    ck_assert_int_eq(notify_open(&n), 0);
    ck_assert_uint_gt(n.watchdog_ns, 0);
    notify_close(&n);
    setenv("WATCHDOG_PID", "1", 1);
    ck_assert_int_eq(notify_open(&n), 0);
    ck_assert_uint_eq(n.watchdog_ns, 0);
    notify_close(&n);
    unsetenv("WATCHDOG_PID");
    setenv("WATCHDOG_USEC", "soon", 1);
    ck_assert_int_eq(notify_open(&n), 0);
    ck_assert_uint_eq(n.watchdog_ns, 0);
    end();
}
END_TEST

START_TEST(without_a_manager_nothing_is_sent)
{
    char name[200];

    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "30000000", 1);
    ck_assert_int_eq(notify_open(&n), 0);
    ck_assert_int_eq(n.fd, -1);
    notify_ready(&n, "");
    notify_reloading(&n);
    notify_alive(&n);
    notify_stopping(&n);
    setenv("NOTIFY_SOCKET", "", 1);
    ck_assert_int_eq(notify_open(&n), 0);
    setenv("NOTIFY_SOCKET", "relative/path", 1);
    ck_assert_int_eq(notify_open(&n), -EAFNOSUPPORT);
    setenv("NOTIFY_SOCKET", "@", 1);
    ck_assert_int_eq(notify_open(&n), -EAFNOSUPPORT);
    memset(name, 'x', sizeof name);
    name[0] = '/';
    name[sizeof n.to.sun_path] = '\0'; /* no room for its NUL */
    setenv("NOTIFY_SOCKET", name, 1);
    ck_assert_int_eq(notify_open(&n), -ENAMETOOLONG);
    name[0] = '@';
    setenv("NOTIFY_SOCKET", name, 1);
    ck_assert_int_eq(notify_open(&n), 0);
    notify_ready(&n, "no socket there"); /* only logged */
    end();
}
END_TEST

RUN_SUITE("notify", 10, a_manager_at_a_path_receives_all,
          a_manager_in_the_abstract_namespace_receives_all,
          only_the_watched_process_feeds_the_watchdog, without_a_manager_nothing_is_sent);
