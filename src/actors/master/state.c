/* SPDX-License-Identifier: MIT */
/*
 * The state folder: its lock (STATE/lock), which one daemon at a time holds, and the statistics of
 * all runs (STATE/statistics). The first failure to write is logged, then the recovery; saving is
 * retried as long as the process runs.
 */
#include "actors/master/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/master/internal.h"
#include "conjure/base/log.h"
#include "conjure/state/state.h"

#define FACILITY "master"

#define SAVE_IDLE_TICKS  3600 /* when only the running time has changed */
#define SAVE_RETRY_TICKS 10   /* after a failure */

static char *path_of(const struct master *m, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", m->config->state_dir, name) < 0)
        abort();
    return path;
}

void state_note(struct master *m, enum master_state_part part, int error)
{
    unsigned bit = 1u << part, before = m->state_failing;

    owner_assert(&m->owner);
    m->state_failing = error ? before | bit : before & ~bit;
    if (error && !before)
        log_err(FACILITY, "%s: state cannot be saved: %s", m->config->state_dir, strerror(-error));
    else if (!m->state_failing && before)
        log_notice(FACILITY, "%s: state is saved again", m->config->state_dir);
}

/* --- the lock ----------------------------------------------------------------------------- */

int state_lock_folder(struct master *m)
{
    char *path = path_of(m, "lock");
    pid_t holder = 0;
    int r = state_lock(path, &m->lock_fd, &holder);

    owner_assert(&m->owner);
    if (r == STATE_LOCKED && holder)
        log_err(FACILITY, "%s: in use by another daemon, pid %ld", m->config->state_dir,
                (long)holder);
    else if (r == STATE_LOCKED)
        log_err(FACILITY, "%s: in use by another daemon", m->config->state_dir);
    else if (r)
        log_err(FACILITY, "%s: %s", path, strerror(-r));
    free(path);
    return r > 0 ? -EBUSY : r;
}

/* --- statistics --------------------------------------------------------------------------- */

static uint64_t running_s(const struct master *m)
{
    return m->statistics.running_s + (m->now - m->began_ns) / NS_PER_S;
}

struct statistics state_statistics(const struct master *m)
{
    struct statistics s = m->statistics;

    s.running_s = running_s(m);
    return s;
}

static void save(struct master *m)
{
    struct statistics s = state_statistics(m);
    char *path = path_of(m, "statistics");
    int r = statistics_save(path, &s);

    state_note(m, MASTER_STATE_STATISTICS, r);
    if (!r)
        m->saved_statistics = s;
    free(path);
}

void state_begin_statistics(struct master *m)
{
    char *path = path_of(m, "statistics"), reason[STATISTICS_REASON_MAX];
    int r = statistics_load(path, &m->statistics, reason);

    owner_assert(&m->owner);
    m->began_ns = m->now;
    /* Never overwrite a file that cannot be read. */
    if (r && r != -ENOENT) {
        log_err(FACILITY, "%s: %s: set aside as %s.corrupt; counting starts at zero", path,
                r < 0 ? strerror(-r) : reason, path);
        r = state_set_aside(path);
    }
    if (r && r != -ENOENT)
        log_err(FACILITY, "%s: %s", path, strerror(-r));
    free(path);
    m->statistics.n_starts++;
    save(m);
}

void state_tick(struct master *m)
{
    bool moved = m->statistics.uploaded != m->saved_statistics.uploaded ||
                 m->statistics.downloaded != m->saved_statistics.downloaded ||
                 m->statistics.n_starts != m->saved_statistics.n_starts;

    uint32_t every = moved ? m->settings.save_interval_s : SAVE_IDLE_TICKS;

    owner_assert(&m->owner);
    if (m->state_failing & 1u << MASTER_STATE_STATISTICS)
        every = SAVE_RETRY_TICKS;
    if (m->n_ticks % every == 0)
        save(m);
}

void state_end(struct master *m)
{
    owner_assert(&m->owner);
    if (m->lock_fd < 0)
        return;
    save(m);
    close(m->lock_fd);
    m->lock_fd = -1;
}
