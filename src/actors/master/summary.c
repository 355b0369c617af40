/* SPDX-License-Identifier: MIT */
/*
 * The summary that SIGUSR1 asks for, logged as notices, so that syslog and --foreground show it
 * without -v.
 */
#include "actors/master/summary.h"

#include <inttypes.h>
#include <malloc.h>

#include "actors/master/internal.h"
#include "actors/master/record.h"
#include "actors/master/state.h"
#include "conjure/base/log.h"
#include "conjure/base/size.h"

#define FACILITY "summary"

static const char *state_of(const struct master_torrent *t)
{
    switch (t->state) {
    case LIFE_OPENING:
    case LIFE_CANCELLED:
        return "opening";
    case LIFE_CHECKING:
        return "checking";
    case LIFE_RUNNING:
        return t->complete ? "seeding" : "downloading";
    case LIFE_LEAVING:
    case LIFE_CLOSING:
        return "stopping";
    default:
        return t->held ? "held" : t->retry_ns ? "failed" : "finished";
    }
}

static void log_torrent(struct master_torrent *t)
{
    char verified[SIZE_TEXT_MAX], wanted[SIZE_TEXT_MAX], down[SIZE_TEXT_MAX], up[SIZE_TEXT_MAX],
        uploaded[SIZE_TEXT_MAX];
    uint64_t total = record_uploaded(t);

    log_notice(FACILITY,
               "%s: %s%s%s, %s of %s, %" PRIu32 " peer%s, down %s, up %s, uploaded %s, ratio %.2f",
               record_name(t), state_of(t), t->retry_ns ? ": " : "",
               t->retry_ns && t->lasting.last_error ? t->lasting.last_error : "",
               size_format(t->verified, verified), size_format(t->wanted, wanted), t->n_peers,
               size_plural(t->n_peers), size_format_rate(record_down_rate(t), down),
               size_format_rate(record_up_rate(t), up), size_format(total, uploaded),
               t->wanted ? (double)total / (double)t->wanted : 0.0);
}

/* Memory in use that grows is a leak; the allocator holds as much as was in use at the busiest
 * moment. */
static void log_memory(void)
{
    struct mallinfo2 i = mallinfo2();

    log_notice(FACILITY, "memory: %zu KiB in use, %zu KiB taken from the system",
               (i.uordblks + i.hblkhd) / 1024, (i.arena + i.hblkhd) / 1024);
}

void summary_log(struct master *m)
{
    char down[SIZE_TEXT_MAX], up[SIZE_TEXT_MAX], uploaded[SIZE_TEXT_MAX], downloaded[SIZE_TEXT_MAX];
    uint64_t down_rate = 0, up_rate = 0;
    uint32_t n_peers = 0, n_seeding = 0, n_failed = 0;
    struct statistics s = state_statistics(m);

    owner_assert(&m->owner);
    for (struct master_torrent *t = m->first; t; t = t->next) {
        log_torrent(t);
        down_rate += record_down_rate(t);
        up_rate += record_up_rate(t);
        n_peers += t->n_peers;
        n_seeding += t->state == LIFE_RUNNING && t->complete;
        n_failed += t->state == LIFE_CLOSED && t->retry_ns;
    }
    log_notice(FACILITY,
               "%" PRIu32 " torrent%s, %" PRIu32 " seeding, %" PRIu32 " downloading, %" PRIu32
               " failed, %" PRIu32 " peer%s, down %s, up %s",
               m->n_torrents, size_plural(m->n_torrents), n_seeding,
               m->n_in[LIFE_RUNNING] - n_seeding, n_failed, n_peers, size_plural(n_peers),
               size_format_rate(down_rate, down), size_format_rate(up_rate, up));
    log_memory();
    if (m->config->daemon)
        log_notice(FACILITY,
                   "of all time: uploaded %s, downloaded %s, %" PRIu64
                   " start%s, running for %" PRIu64 " d %" PRIu64 " h %" PRIu64 " min",
                   size_format(s.uploaded, uploaded), size_format(s.downloaded, downloaded),
                   s.n_starts, size_plural(s.n_starts), s.running_s / 86400,
                   s.running_s / 3600 % 24, s.running_s / 60 % 60);
}
