/* SPDX-License-Identifier: MIT */
#include "actors/master/announce.h"

#include <stdlib.h>

#include "actors/master/internal.h"
#include "actors/master/record.h"
#include "conjure/actors/announcer.h"

/* BEP 3 leaves open whether `left` counts unwanted files. Other clients and BEP 21 count them: a
 * partial seed is not complete. */
static uint64_t left_of(const struct master_torrent *t)
{
    return t->wanted - t->verified + t->unwanted;
}

void announce_started(struct master_torrent *t)
{
    struct announcer_torrent_started *a = announcer_new_torrent_started();

    a->swarm = &t->swarm;
    a->left = t->last_announced.left = left_of(t);
    a->partial = t->complete && a->left;
    t->in_announcer = announcer_tell_torrent_started(announcer_inbox(t->master->announcer), a);
}

/* BEP 3 counts from `started`: this run only. */
void announce_numbers(struct master_torrent *t)
{
    uint64_t had = t->verified + t->stored_bytes, left = left_of(t);
    /* Totals arrive late for a short download, and count blocks that were downloaded twice. */
    uint64_t downloaded = had > t->had_at_start ? had - t->had_at_start : 0;
    struct announcer_progress *a;

    if (downloaded < t->downloaded)
        downloaded = t->downloaded;
    if (t->last_announced.uploaded == t->uploaded && t->last_announced.downloaded == downloaded &&
        t->last_announced.left == left)
        return;
    t->last_announced.uploaded = t->uploaded;
    t->last_announced.downloaded = downloaded;
    t->last_announced.left = left;
    a = announcer_new_progress();
    a->swarm = &t->swarm;
    a->uploaded = t->uploaded;
    a->downloaded = downloaded;
    a->left = left;
    a->partial = t->complete && left;
    announcer_tell_or_drop_progress(announcer_inbox(t->master->announcer), a);
}

void announce_completed(struct master_torrent *t)
{
    struct announcer_torrent_completed *a;

    announce_numbers(t);
    if (t->unwanted)
        return; /* a partial seed */
    a = announcer_new_torrent_completed();
    a->swarm = &t->swarm;
    announcer_tell_or_drop_torrent_completed(announcer_inbox(t->master->announcer), a);
}

void announce_stopped(struct master_torrent *t)
{
    struct announcer_torrent_stopped *a;

    if (!t->in_announcer)
        return;
    announce_numbers(t);
    a = announcer_new_torrent_stopped();
    a->swarm = &t->swarm;
    if (!master_ask_announcer_torrent_stopped(&t->master->inbox,
                                              announcer_inbox(t->master->announcer), a))
        abort();
    t->n_queries++;
}
