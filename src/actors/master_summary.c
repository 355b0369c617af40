/* SPDX-License-Identifier: MIT */
/*
 * What SIGUSR1 asks for: a line for each torrent and a few for all, in the log. At the level of notices,
 * so that syslog and --foreground show it without -v.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>

#include "actors/master.h"
#include "conjure/base/log.h"

#define FACILITY "summary"

#define TEXT_MAX 32

static const char *format_bytes(uint64_t bytes, char text[TEXT_MAX])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes / 1024;
    unsigned i = 0;

    if (bytes < 1024) {
        snprintf(text, TEXT_MAX, "%" PRIu64 " B", bytes);
        return text;
    }
    for (; value >= 1000 && i + 1 < sizeof units / sizeof units[0]; i++)
        value /= 1024;
    snprintf(text, TEXT_MAX, "%.*f %s", value < 100 ? 1 : 0, value, units[i]);
    return text;
}

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
    char verified[TEXT_MAX], wanted[TEXT_MAX], down[TEXT_MAX], up[TEXT_MAX], uploaded[TEXT_MAX];
    uint64_t total = t->uploaded_before + t->uploaded;

    log_notice(
        FACILITY,
        "%s: %s%s%s, %s of %s, %" PRIu32 " peers, down %s/s, up %s/s, uploaded %s, ratio %.2f",
        metainfo_name(t->torrent.meta), state_of(t), t->retry_ns ? ": " : "",
        t->retry_ns && t->lasting.said ? t->lasting.said : "", format_bytes(t->verified, verified),
        format_bytes(t->wanted, wanted), t->n_peers, format_bytes(managed_down_rate(t), down),
        format_bytes(rate_get(&t->up, t->master->now), up), format_bytes(total, uploaded),
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
    char down[TEXT_MAX], up[TEXT_MAX], uploaded[TEXT_MAX], downloaded[TEXT_MAX];
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
               "%" PRIu32 " torrents, %" PRIu32 " seeding, %" PRIu32 " downloading, %" PRIu32
               " failed, %" PRIu32 " peers, down %s/s, up %s/s",
               m->n_torrents, n_seeding, m->n_in[LIFE_RUNNING] - n_seeding, n_failed, n_peers,
               format_bytes(down_rate, down), format_bytes(up_rate, up));
    say_memory();
    if (m->config->daemon)
        log_notice(FACILITY,
                   "of all time: uploaded %s, downloaded %s, %" PRIu64
                   " starts, running for %" PRIu64 " d %" PRIu64 " h %" PRIu64 " min",
                   format_bytes(s.uploaded, uploaded), format_bytes(s.downloaded, downloaded),
                   s.n_starts, s.running_s / 86400, s.running_s / 3600 % 24, s.running_s / 60 % 60);
}
