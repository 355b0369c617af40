/* SPDX-License-Identifier: MIT */
/*
 * The actions of a torrent's life. FS opens a torrent before other actors have it, since only
 * verified pieces may be offered, and closes it after them, since it saves the resume data.
 */
#include "actors/master/torrent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actors/master/announce.h"
#include "actors/master/disk.h"
#include "actors/master/hold.h"
#include "actors/master/internal.h"
#include "actors/master/record.h"
#include "actors/master/report.h"
#include "actors/master/retry.h"
#include "actors/master/seed_goal.h"
#include "actors/master/settings.h"
#include "actors/master/state.h"
#include "conjure/actors/choker.h"
#include "conjure/actors/fs.h"
#include "conjure/actors/interest_stat.h"
#include "conjure/actors/lobby.h"
#include "conjure/actors/super_seeder.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"
#include "conjure/base/size.h"

#define FACILITY "master"

static void step(struct master_torrent *t, enum life_event event);

/* --- opening and checking ----------------------------------------------------------------- */

static void open(struct master_torrent *t)
{
    t->opened_ns = t->master->now;
    if (record_mark_wanted(t)) {
        retry_note_failure(t, ENOMEM, "");
        step(t, LIFE_OPEN_FAILED);
        return;
    }
    master_settings_apply(t);
    master_settings_fit_connections(t->master);
    disk_open(t);
}

void torrent_start(struct master_torrent *t)
{
    if (!hold_take_path(t))
        return;
    step(t, LIFE_OPEN);
    if (t->master->stopping)
        step(t, LIFE_STOP);
}

static bool goal_is_met(const struct master_torrent *t)
{
    return t->complete &&
           seed_goal_is_met(&t->settings, t->wanted, record_uploaded(t), record_seeded_s(t));
}

static bool wants_to_seed(const struct master_torrent *t)
{
    return t->master->config->daemon || seed_goal_is_set(&t->settings);
}

/* Decides whether T, whose verified pieces are known, has anything to download or to seed. */
static enum life_event judge_content(struct master_torrent *t)
{
    if (t->complete && !wants_to_seed(t)) {
        report_finished(t);
        return LIFE_NOT_NEEDED;
    }
    if (t->master->config->daemon && t->state != LIFE_CANCELLED && goal_is_met(t)) {
        log_notice(FACILITY, "%s: has been seeded enough: not started", record_name(t));
        t->seed_goal_met = true;
        return LIFE_NOT_NEEDED;
    }
    return LIFE_READY;
}

static void take_open_reply(struct master_torrent *t, struct fs_open_torrent *x)
{
    struct master *m = t->master;

    if (x->error) {
        /* After a signal the user does not need the torrent, nor the reason. */
        if (x->error != -ECANCELED && !m->signalled)
            retry_note_failure(t, -x->error, x->reason);
        step(t, LIFE_OPEN_FAILED);
        return;
    }
    t->torrent.storage = x->storage;
    t->uploaded_before = x->uploaded;
    t->downloaded_before = x->downloaded;
    disk_take_content(t, &x->have, &x->stored);
    if ((x->n_doubtful || m->config->check_integrity) && t->state != LIFE_CANCELLED) {
        t->n_to_check = x->n_doubtful;
        step(t, LIFE_DOUBTFUL);
        return;
    }
    disk_count(t);
    step(t, judge_content(t));
}

static void take_check_reply(struct master_torrent *t, struct fs_check_pieces *x)
{
    if (t->state != LIFE_CHECKING)
        return; /* stopped before the end */
    if (x->error) {
        retry_note_failure(t, -x->error, "");
        step(t, LIFE_CHECK_FAILED);
        return;
    }
    if (x->n_bad)
        log_notice(FACILITY, "%s: %u piece%s on disk %s wrong", record_name(t), x->n_bad,
                   size_plural(x->n_bad), x->n_bad == 1 ? "was" : "were");
    disk_take_content(t, &x->have, &x->stored);
    t->changed = true;
    disk_count(t);
    step(t, judge_content(t));
}

/* --- running ------------------------------------------------------------------------------ */

/* A partial seed does not super-seed: other peers have its pieces. */
static bool super_seeds(const struct master_torrent *t)
{
    return t->complete && !t->unwanted && t->settings.super_seed;
}

/* Starts InterestStat if a piece is missing, or SuperSeeder in its place. 0 or -errno. */
static int start_interest(struct master_torrent *t)
{
    struct master *m = t->master;

    if (super_seeds(t)) {
        t->super_seeder = super_seeder_start(&t->torrent, &m->inbox);
        if (!t->super_seeder)
            return -errno;
        t->interest_open = true;
    } else if (!t->complete) {
        t->interest_stat = interest_stat_start(&t->torrent, &t->have, &t->stored, &m->inbox,
                                               lobby_inbox(m->lobby));
        if (!t->interest_stat)
            return -errno;
        t->interest_open = true;
    } else {
        channel_close(&t->torrent.interest.channel);
    }
    bitfield_deinit(&t->have);
    stored_blocks_deinit(&t->stored);
    return 0;
}

static void tell_choker_complete(struct master_torrent *t)
{
    struct choker_torrent_completed *c = choker_new_torrent_completed();

    c->torrent = &t->torrent;
    c->guided = !t->super_seeder;
    choker_tell_or_drop_torrent_completed(choker_inbox(t->master->choker), c);
}

static void run(struct master_torrent *t)
{
    struct master *m = t->master;
    struct lobby_torrent_added *added = lobby_new_torrent_added();
    uint32_t n_have = t->have.n_set;
    int r = bitfield_copy(&added->have, &t->have);

    if (!r)
        r = start_interest(t);
    if (r) {
        bitfield_deinit(&added->have);
        msg_free(&added->msg);
        retry_note_failure(t, -r, "");
        channel_close(&t->torrent.interest.channel);
        step(t, LIFE_STOP);
        return;
    }
    t->started_ns = m->now;
    reachability_start(&t->reachability, m->now);
    record_expect_progress(t);
    added->torrent = &t->torrent;
    added->super_seed = t->super_seeder != NULL;
    t->in_lobby = lobby_tell_torrent_added(lobby_inbox(m->lobby), added);
    if (t->complete)
        tell_choker_complete(t);
    announce_started(t);
    log_info(FACILITY, "%s: %s%s, %u of %u pieces are on disk", record_name(t),
             t->super_seeder ? "super-" : "", t->complete ? "seeding" : "downloading", n_have,
             t->torrent.geometry.n_pieces);
    if (!t->reachability.n_trackers)
        log_warning(FACILITY,
                    "%s: the torrent names no tracker that can be asked: waiting for peers",
                    record_name(t));
}

/* The first step to end InterestStat or SuperSeeder, whose last act is to send the HAVEs that are
 * due: every connection must know before that the torrent is complete. */
static void tell_lobby_complete(struct master_torrent *t)
{
    struct lobby_torrent_completed *l = lobby_new_torrent_completed();

    l->swarm = &t->swarm;
    if (!master_ask_lobby_torrent_completed(&t->master->inbox, lobby_inbox(t->master->lobby), l))
        abort();
    t->n_queries++;
}

static void end_interest(struct master_torrent *t)
{
    struct interest_shutdown *m;

    if (!t->interest_open)
        return;
    m = interest_new_shutdown();
    m->of = &t->torrent;
    t->interest_open = false;
    if (!master_ask_interest_shutdown(&t->master->inbox, &t->torrent.interest, m))
        abort();
    t->n_queries++;
}

void torrent_super_seeded(struct master_torrent *t)
{
    if (t->state == LIFE_RUNNING)
        tell_lobby_complete(t);
}

void torrent_completed(struct master_torrent *t)
{
    if (t->complete || t->state != LIFE_RUNNING)
        return;
    t->complete = true;
    t->verified = t->wanted;
    t->stored_bytes = 0;
    t->changed = true;
    t->completed_ns = t->master->now;
    tell_choker_complete(t);
    announce_completed(t);
    if (wants_to_seed(t)) {
        report_finished(t);
        tell_lobby_complete(t);
    } else {
        t->report_when_closed = true; /* all of it is on disk then */
        torrent_stop(t);
    }
}

void torrent_storage_failed(struct master_torrent *t, const struct master_storage_failed *x)
{
    t->storage_failed = true;
    retry_note_failure(t, x->error, x->reason);
    torrent_stop(t);
}

void torrent_content_changed(struct master_torrent *t, const struct master_content_changed *x)
{
    if (t->state != LIFE_RUNNING)
        return;
    log_warning(FACILITY, "%s: %s has changed on disk, or is gone; its pieces will be checked",
                record_name(t), metainfo_file(t->torrent.meta, x->file)->path);
    t->lasting.needs_restat = true;
    t->retry_ns = t->master->now;
    torrent_stop(t);
}

void torrent_note_totals(struct master_torrent *t, const struct master_totals *x)
{
    struct master *m = t->master;

    t->uploaded += x->uploaded;
    t->downloaded += x->downloaded;
    t->changed |= x->uploaded || x->downloaded;
    m->statistics.uploaded += x->uploaded;
    m->statistics.downloaded += x->downloaded;
    record_expect_progress(t);
    rate_add(&t->up, x->uploaded, m->now);
    rate_add(&t->down, x->downloaded, m->now);
    record_set_peers(t, x->n_peers, x->n_seeds);
}

void torrent_announced(struct master_torrent *t, const struct master_tracker_says *x)
{
    if (x->ok)
        reachability_note_reply(&t->reachability, x->n_peers, x->n_seeders, t->master->now);
    else
        reachability_note_failure(&t->reachability, t->master->now);
}

/* --- once a second ------------------------------------------------------------------------ */

static void ask_progress(struct master_torrent *t)
{
    struct interest_progress *q;

    if (!t->interest_open || t->asked_progress_ns)
        return;
    q = interest_new_progress();
    q->of = &t->torrent;
    if (!master_ask_interest_progress(&t->master->inbox, &t->torrent.interest, q)) {
        msg_free(&q->msg);
        return;
    }
    t->asked_progress_ns = t->master->now;
    t->master->n_asked++;
    t->n_queries++;
}

static bool is_due(const struct master_torrent *t)
{
    const struct master *m = t->master;

    if (t->state != LIFE_CLOSED || m->stopping || t->removed)
        return false;
    return retry_is_due(t) || hold_is_over(t) || (t->seed_goal_met && !goal_is_met(t));
}

/* Whether T has reached its seed goal, or is given up. */
static bool is_over(struct master_torrent *t)
{
    struct master *m = t->master;
    enum reachability_verdict verdict;

    if (goal_is_met(t)) {
        log_notice(FACILITY, "%s: has been seeded enough", record_name(t));
        t->seed_goal_met = true;
        return true;
    }
    if (m->config->daemon || t->complete)
        return false;
    verdict = reachability_judge(&t->reachability, m->now);
    if (!verdict)
        return false;
    log_err(FACILITY, "%s: %s", record_name(t), reachability_text(verdict));
    master_note_outcome(m, MASTER_UNREACHABLE);
    return true;
}

void torrent_tick(struct master_torrent *t)
{
    struct master *m = t->master;

    if (is_due(t)) {
        torrent_start(record_renew(t));
        return;
    }
    if (t->state != LIFE_RUNNING)
        return;
    if (is_over(t)) {
        torrent_stop(t);
        return;
    }
    retry_note_running(t);
    disk_tick(t);
    if (t->n_peers || m->config->report)
        record_expect_progress(t);
    if (m->n_ticks <= t->ask_until_tick)
        ask_progress(t);
    announce_numbers(t);
}

/* --- the end ------------------------------------------------------------------------------ */

static void replied(struct master_torrent *t)
{
    if (!--t->n_queries)
        step(t, LIFE_ALL_REPLIED);
}

static void leave(struct master_torrent *t)
{
    struct lobby_torrent_removed *l;

    t->n_queries++; /* until the end of this function */
    if (t->in_lobby) {
        l = lobby_new_torrent_removed();
        l->swarm = &t->swarm;
        if (!master_ask_lobby_torrent_removed(&t->master->inbox, lobby_inbox(t->master->lobby), l))
            abort();
        t->n_queries++;
    }
    replied(t);
}

/* After the last connection and the last Totals: the numbers are right. */
static void announce_and_end_interest(struct master_torrent *t)
{
    struct choker_torrent_removed *c;

    if (t->in_lobby) {
        c = choker_new_torrent_removed();
        c->torrent = t->swarm.id;
        choker_tell_or_drop_torrent_removed(choker_inbox(t->master->choker), c);
    }
    announce_stopped(t);
    ask_progress(t); /* the last connections have returned their claims */
    end_interest(t);
}

static void book_end(struct master_torrent *t)
{
    struct master *m = t->master;

    master_settings_apply(t); /* Bandwidth forgets its limits */
    t->closed_ns = m->now;
    if (t->removed)
        m->sweep_due = true;
    else if (m->known && t->lasting.known && t->complete && seed_goal_has_time(&t->settings))
        record_save_known(t); /* how long it was seeded */
    if (!t->storage_failed &&
        (t->report_when_closed || (t->started_ns && !t->complete && m->signalled)))
        report_finished(t);
}

static void carry_out(struct master_torrent *t, unsigned actions)
{
    if (actions & LIFE_DO_OPEN)
        open(t);
    if (actions & LIFE_DO_CHECK)
        disk_check(t);
    if (actions & LIFE_DO_RUN)
        run(t);
    if (actions & LIFE_DO_CLOSE_INBOX)
        channel_close(&t->torrent.interest.channel);
    if (actions & LIFE_DO_LEAVE)
        leave(t);
    if (actions & LIFE_DO_ANNOUNCE_STOPPED)
        announce_and_end_interest(t);
    if (actions & LIFE_DO_CLOSE)
        disk_close(t);
    if (actions & LIFE_DO_CONCLUDE)
        book_end(t);
}

static void step(struct master_torrent *t, enum life_event event)
{
    struct life_step s = life_step(t->state, event);

    record_set_state(t, s.next);
    carry_out(t, s.actions);
}

void torrent_stop(struct master_torrent *t)
{
    step(t, LIFE_STOP);
}

void torrent_remove(struct master_torrent *t)
{
    t->removed = true;
    if (t->state == LIFE_CLOSED)
        t->master->sweep_due = true;
    else
        torrent_stop(t);
}

void torrent_sweep(struct master *m)
{
    struct master_torrent *next;

    owner_assert(&m->owner);
    if (!m->sweep_due)
        return;
    m->sweep_due = false;
    for (struct master_torrent *t = m->first; t; t = next) {
        next = t->next;
        if (t->removed && t->state == LIFE_CLOSED)
            record_free(t);
    }
}

/* --- replies ------------------------------------------------------------------------------ */

void torrent_reply_open(struct master_torrent *t, struct fs_open_torrent *x)
{
    take_open_reply(t, x);
    bitfield_deinit(&x->have);
    stored_blocks_deinit(&x->stored);
    msg_free(&x->msg);
    replied(t);
}

void torrent_reply_check(struct master_torrent *t, struct fs_check_pieces *x)
{
    take_check_reply(t, x);
    bitfield_deinit(&x->have);
    stored_blocks_deinit(&x->stored);
    msg_free(&x->msg);
    replied(t);
}

void torrent_reply_save(struct master_torrent *t, struct fs_save_resume *x)
{
    disk_saved(t, x->error);
    msg_free(&x->msg);
    replied(t);
}

void torrent_reply_close(struct master_torrent *t, struct fs_close_torrent *x)
{
    disk_note_save(t, x->error);
    t->torrent.storage = NULL;
    msg_free(&x->msg);
    replied(t);
}

void torrent_reply_progress(struct master_torrent *t, struct interest_progress *x)
{
    t->asked_progress_ns = 0;
    t->master->n_asked--;
    t->changed |= t->verified != x->verified || t->stored_bytes != x->stored;
    t->verified = x->verified;
    t->stored_bytes = x->stored;
    record_set_peers(t, x->n_peers, x->n_seeders);
    msg_free(&x->msg);
    replied(t);
}

void torrent_reply_interest_shutdown(struct master_torrent *t, struct interest_shutdown *x)
{
    interest_stat_join(t->interest_stat);
    t->interest_stat = NULL;
    super_seeder_join(t->super_seeder);
    t->super_seeder = NULL;
    msg_free(&x->msg);
    replied(t);
}

void torrent_reply_completed(struct master_torrent *t, struct lobby_torrent_completed *x)
{
    if (t->state == LIFE_RUNNING)
        end_interest(t);
    msg_free(&x->msg);
    replied(t);
}

void torrent_replied(struct master_torrent *t, struct msg *x)
{
    msg_free(x);
    replied(t);
}
