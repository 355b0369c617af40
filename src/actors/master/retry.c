/* SPDX-License-Identifier: MIT */
#include "actors/master/retry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actors/master/internal.h"
#include "actors/master/record.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

#define FACILITY "master"

#define FIRST_DELAY_NS (5 * NS_PER_S)
#define DELAY_MAX_NS   (600 * NS_PER_S)

/* After a failure, a torrent has recovered when it has run for this long. */
#define STEADY_NS (10 * NS_PER_S)

uint64_t retry_delay_ns(unsigned n_failures)
{
    uint64_t delay = FIRST_DELAY_NS;

    for (unsigned i = 0; i < n_failures && delay < DELAY_MAX_NS; i++)
        delay *= 2;
    return delay < DELAY_MAX_NS ? delay : DELAY_MAX_NS;
}

/* Whether a failure of T ends the daemon: T is named on the command line, and it still starts. */
static bool ends_the_start(const struct master_torrent *t)
{
    const struct master *m = t->master;

    return m->config->daemon && t->lasting.named && !m->ready && !m->stopping && !t->removed;
}

/* A disk may be mounted late, and a full one emptied. */
static bool may_retry(const struct master_torrent *t)
{
    const struct master *m = t->master;

    return m->config->daemon && !m->stopping && !t->removed && !ends_the_start(t);
}

static enum master_outcome outcome_of(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return MASTER_DISK_FULL;
    case EEXIST:
    case EREMCHG: /* complete content has changed */
        return MASTER_FILE_EXISTS;
    default:
        return MASTER_ERROR;
    }
}

void retry_note_failure(struct master_torrent *t, int error, const char *reason)
{
    struct master_torrent_lasting *l = &t->lasting;
    const char *text = reason[0] ? reason : strerror(error);
    bool retry = may_retry(t);

    /* The same error again is not logged again. */
    if (!l->last_error || strcmp(l->last_error, text) != 0)
        log_err(FACILITY, "%s: %s%s", record_name(t), text,
                retry ? "; it will be tried again" : "");
    free(l->last_error);
    l->last_error = mem_dup_string(text);
    /* Otherwise the next opening would believe resume data that lists it as complete. */
    l->needs_restat |= error == EREMCHG;
    t->master->start_failed |= ends_the_start(t);
    if (retry)
        t->retry_ns = t->master->now + retry_delay_ns(l->n_failures++);
    else if (!t->removed)
        master_note_outcome(t->master, outcome_of(error));
}

void retry_note_running(struct master_torrent *t)
{
    struct master_torrent_lasting *l = &t->lasting;

    if (!l->last_error || t->master->now - t->started_ns < STEADY_NS)
        return;
    log_notice(FACILITY, "%s: works again", record_name(t));
    free(l->last_error);
    l->last_error = NULL;
    l->n_failures = 0;
}

bool retry_is_due(const struct master_torrent *t)
{
    return t->retry_ns && t->master->now >= t->retry_ns;
}
