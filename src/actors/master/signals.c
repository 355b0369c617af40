/* SPDX-License-Identifier: MIT */
#include "actors/master/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "conjure/base/clock.h"

/* timeout(1) and terminals signal both the group and the process: two signals within this time
 * count as one. */
#define ONE_SIGNAL_NS (200 * NS_PER_MS)

int signals_open(struct signals *s, bool daemon)
{
    struct sigaction hangup;
    sigset_t set;

    *s = SIGNALS_EMPTY;
    s->daemon = daemon;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    /* A blocked signal reaches a signalfd even if it is ignored; nohup(1) relies on an ignored
     * SIGHUP. For a daemon SIGHUP means reload. */
    if (daemon || sigaction(SIGHUP, NULL, &hangup) || hangup.sa_handler != SIG_IGN)
        sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return s->fd < 0 ? -errno : 0;
}

void signals_close(struct signals *s)
{
    if (s->fd >= 0)
        close(s->fd);
    *s = SIGNALS_EMPTY;
}

enum signals_request signals_next(struct signals *s, uint64_t now, int *numberp)
{
    struct signalfd_siginfo info;

    while (read(s->fd, &info, sizeof info) == sizeof info) {
        *numberp = (int)info.ssi_signo;
        if (info.ssi_signo == SIGHUP && s->daemon)
            return SIGNALS_RELOAD;
        if (info.ssi_signo == SIGUSR1)
            return SIGNALS_SUMMARY;
        if (!s->stop_ns) {
            s->stop_ns = now;
            return SIGNALS_STOP;
        }
        if (now - s->stop_ns >= ONE_SIGNAL_NS)
            return SIGNALS_STOP_AT_ONCE;
    }
    return SIGNALS_NOTHING;
}
