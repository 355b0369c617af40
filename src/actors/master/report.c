/* SPDX-License-Identifier: MIT */
#include "actors/master/report.h"

#include "actors/master/internal.h"
#include "actors/master/record.h"

static unsigned state_of(const struct master_torrent *t)
{
    switch (t->state) {
    case LIFE_OPENING:
    case LIFE_CANCELLED:
        return MASTER_OPENING;
    case LIFE_CHECKING:
        return MASTER_CHECKING;
    case LIFE_RUNNING:
        return t->complete ? MASTER_SEEDING : MASTER_DOWNLOADING;
    default:
        return MASTER_STOPPING;
    }
}

static void add(struct master_status *sum, struct master_torrent *t)
{
    unsigned state = state_of(t);

    if (!sum->name)
        sum->name = record_name(t);
    /* The state of the sum is that of the torrent with the least progress. */
    if ((unsigned)sum->state > state)
        sum->state = state;
    sum->stored += t->stored_bytes;
    sum->n_checked += t->n_checked;
    sum->n_to_check += t->n_to_check;
    sum->uploaded += record_uploaded(t);
    sum->down_rate += record_down_rate(t);
    sum->up_rate += record_up_rate(t);
    sum->n_peers += t->n_peers;
    sum->n_seeds += t->n_seeds;
}

void report_progress(struct master *m)
{
    struct master_status sum = {.state = MASTER_ENDED};

    owner_assert(&m->owner);
    if (!m->config->report)
        return;
    for (struct master_torrent *t = m->first; t; t = t->next) {
        sum.n_torrents++;
        sum.verified += t->verified;
        sum.wanted += t->wanted;
        /* Of a closed torrent only the bytes count, unless it is the only torrent. */
        if (t->state != LIFE_CLOSED || m->n_torrents == 1)
            add(&sum, t);
    }
    m->config->report(m->config->report_arg, &sum, MASTER_REPORT_PROGRESS);
}

void report_finished(struct master_torrent *t)
{
    uint64_t had = t->verified + t->stored_bytes;
    struct master_status s = {
        .name = record_name(t),
        .n_torrents = 1,
        .state = t->complete ? MASTER_SEEDING : MASTER_STOPPING,
        .verified = t->verified,
        .stored = t->stored_bytes,
        .wanted = t->wanted,
        /* By verified bytes: the last Totals have not arrived yet. */
        .downloaded = had > t->had_at_start ? had - t->had_at_start : 0,
        .uploaded = record_uploaded(t),
        .n_peers = t->n_peers_most,
        .download_ns = t->completed_ns - t->opened_ns,
    };

    if (t->master->config->report)
        t->master->config->report(t->master->config->report_arg, &s, MASTER_REPORT_FINISHED);
}
