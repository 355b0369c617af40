/* SPDX-License-Identifier: MIT */
/*
 * What SIGUSR1 asks for: a line for each torrent and a few for all, in the log. At the level of notices,
 * so that syslog and --foreground show it without -v.
 */
#include <inttypes.h>
#include <malloc.h>

#include "actors/master/internal.h"
#include "conjure/base/log.h"
#include "conjure/base/size.h"

#define FACILITY "summary"

static const char *state_of(const struct managed *t)
{
    switch (t->life) {
    case LIFE_OPENING:
        return "opening";
    case LIFE_CHECKING:
        return "checking";
    case LIFE_RUNNING:
        return t->complete ? "seeding" : "downloading";
    case LIFE_LEAVING:
    case LIFE_CLOSING:
        return "stopping";
    default:
        return t->retry_ns ? "failed" : "finished";
    }
}

static void say(struct managed *t)
{
    char verified[SIZE_TEXT_MAX], wanted[SIZE_TEXT_MAX], down[SIZE_TEXT_MAX], up[SIZE_TEXT_MAX],
        uploaded[SIZE_TEXT_MAX];
    uint64_t total = t->uploaded_before + t->uploaded;

    log_notice(FACILITY,
               "%s: %s%s%s, %s of %s, %" PRIu32 " peer%s, down %s, up %s, uploaded %s, ratio %.2f",
               metainfo_name(t->torrent.meta), state_of(t), t->retry_ns ? ": " : "",
               t->retry_ns && t->lasting.said ? t->lasting.said : "",
               size_format(t->verified, verified), size_format(t->wanted, wanted), t->n_peers,
               size_plural(t->n_peers), size_format_rate(managed_down_rate(t), down),
               size_format_rate(rate_get(&t->up, t->master->now), up), size_format(total, uploaded),
               t->wanted ? (double)total / (double)t->wanted : 0.0);
}

/* What is in use tells whether something leaks: what the allocator holds beyond it is what was in use
 * once, at the busiest moment. */
static void say_memory(void)
{
    struct mallinfo2 i = mallinfo2();

    log_notice(FACILITY, "memory: %zu KiB in use, %zu KiB held for it",
               (i.uordblks + i.hblkhd) / 1024, (i.arena + i.hblkhd) / 1024);
}

void master_say_summary(struct master *m)
{
    char down[SIZE_TEXT_MAX], up[SIZE_TEXT_MAX], uploaded[SIZE_TEXT_MAX], downloaded[SIZE_TEXT_MAX];
    uint64_t down_rate = 0, up_rate = 0;
    uint32_t n_peers = 0, n_seeding = 0, n_failed = 0;
    struct statistics s = master_statistics(m);

    for (struct managed *t = m->first; t; t = t->next) {
        say(t);
        down_rate += managed_down_rate(t);
        up_rate += rate_get(&t->up, m->now);
        n_peers += t->n_peers;
        n_seeding += t->life == LIFE_RUNNING && t->complete;
        n_failed += t->life == LIFE_ENDED && t->retry_ns;
    }
    log_notice(FACILITY,
               "%" PRIu32 " torrent%s, %" PRIu32 " seeding, %" PRIu32 " downloading, %" PRIu32
               " failed, %" PRIu32 " peer%s, down %s, up %s",
               m->n_torrents, size_plural(m->n_torrents), n_seeding,
               m->n_in[LIFE_RUNNING] - n_seeding, n_failed, n_peers, size_plural(n_peers),
               size_format_rate(down_rate, down), size_format_rate(up_rate, up));
    say_memory();
    if (m->config->daemon)
        log_notice(FACILITY,
                   "of all time: uploaded %s, downloaded %s, %" PRIu64
                   " start%s, running for %" PRIu64 " d %" PRIu64 " h %" PRIu64 " min",
                   size_format(s.uploaded, uploaded), size_format(s.downloaded, downloaded),
                   s.n_starts, size_plural(s.n_starts), s.running_s / 86400,
                   s.running_s / 3600 % 24, s.running_s / 60 % 60);
}
