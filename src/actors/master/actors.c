/* SPDX-License-Identifier: MIT */
#include "actors/master/actors.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "actors/master/internal.h"
#include "actors/master/settings.h"
#include "conjure/actors/announcer.h"
#include "conjure/actors/bandwidth.h"
#include "conjure/actors/choker.h"
#include "conjure/actors/fs.h"
#include "conjure/actors/lobby.h"
#include "conjure/actors/timer.h"
#include "conjure/base/log.h"

#define FACILITY "master"

#define FILES_MAX   (1u << 20)
#define FILES_SPARE 64 /* wakers, trackers' sockets, resume data, workers' files */

/* How many files the process may have open, after raising the limit as far as possible. */
static unsigned file_limit(void)
{
    struct rlimit limit;
    rlim_t before;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 1024;
    before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_cur != before && setrlimit(RLIMIT_NOFILE, &limit))
        limit.rlim_cur = before;
    return limit.rlim_cur > FILES_MAX ? FILES_MAX : (unsigned)limit.rlim_cur;
}

/* Divides the open files between connections (m->max_peers_possible) and FS. Returns FS's share. */
static unsigned divide_files(struct master *m)
{
    unsigned n = file_limit(), n_handles = n > 4096 ? 1024 : n / 4, left = n - n_handles;

    m->max_peers_possible = left > FILES_SPARE + 1 ? left - FILES_SPARE : 1;
    log_info(FACILITY, "at most %u connections and %u files", m->max_peers_possible, n_handles);
    return n_handles;
}

/* Each is started before the actors that send to it. */
static int start_all(struct master *m)
{
    long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n_handles = divide_files(m);
    struct lobby_options lobby = {
        .listen_fd = m->listen_fd,
        .max_peers = master_settings_max_peers(m),
    };

    if (!(m->timer = timer_start()) || !(m->lobby = lobby_new()))
        return -errno;
    lobby.timer = timer_inbox(m->timer);
    if (!(m->choker = choker_start(lobby.timer, &m->inbox, 0)) ||
        !(m->bandwidth = bandwidth_start()) ||
        !(m->fs = fs_start(&m->inbox, lobby_inbox(m->lobby), n_cores > 0 ? (unsigned)n_cores : 1,
                           n_handles)) ||
        !(m->announcer = announcer_start(lobby.timer, lobby_inbox(m->lobby), &m->inbox, NULL)))
        return -errno;
    master_settings_tell_limits(m);
    lobby.announcer = announcer_inbox(m->announcer);
    lobby.choker = choker_inbox(m->choker);
    lobby.fs = fs_inbox(m->fs);
    lobby.bandwidth = bandwidth_inbox(m->bandwidth);
    m->listen_fd = -1; /* Lobby's now */
    return lobby_run(m->lobby, &lobby);
}

int actors_start(struct master *m)
{
    int r = start_all(m);

    m->lobby_runs = !r;
    return r;
}

void actors_watch(struct master *m)
{
    watchdog_init(&m->watchdog, &m->waker);
    watchdog_watch(&m->watchdog, "Timer", &timer_inbox(m->timer)->channel);
    watchdog_watch(&m->watchdog, "Lobby", &lobby_inbox(m->lobby)->channel);
    watchdog_watch(&m->watchdog, "Announcer", &announcer_inbox(m->announcer)->channel);
    watchdog_watch(&m->watchdog, "Choker", &choker_inbox(m->choker)->channel);
    watchdog_watch(&m->watchdog, "Bandwidth", &bandwidth_inbox(m->bandwidth)->channel);
    watchdog_watch(&m->watchdog, "FS", &fs_inbox(m->fs)->channel);
}

#define END(m, actor)                                                                  \
    do {                                                                               \
        struct actor##_shutdown *x = actor##_new_shutdown();                           \
                                                                                       \
        if (!master_ask_##actor##_shutdown(&(m)->inbox, actor##_inbox((m)->actor), x)) \
            abort();                                                                   \
        (m)->n_shutdowns++;                                                            \
    } while (0)

void actors_end_timer(struct master *m)
{
    if (m->timer)
        END(m, timer);
}

void actors_end_others(struct master *m)
{
    if (m->lobby_runs)
        END(m, lobby);
    if (m->announcer)
        END(m, announcer);
    if (m->choker)
        END(m, choker);
    if (m->bandwidth)
        END(m, bandwidth);
    if (m->fs)
        END(m, fs);
}

void actors_join(struct master *m)
{
    lobby_join(m->lobby);
    announcer_join(m->announcer);
    choker_join(m->choker);
    bandwidth_join(m->bandwidth);
    fs_join(m->fs);
    timer_join(m->timer);
}
