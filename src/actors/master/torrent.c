/* SPDX-License-Identifier: MIT */
/*
 * Master's view of one torrent: who is told what, and in which order. A torrent begins with FS,
 * since nothing may be offered that is not verified, and ends with FS, since resume data is written
 * last.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/master/internal.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"
#include "conjure/base/size.h"

#define FACILITY "master"

/* So long the rate shown is that of the whole download, if it is higher. */
#define YOUNG_NS (10 * NS_PER_S)

/* So long after its last peer a torrent may have pieces in FS. */
#define ASK_TICKS 10

/* Pauses after failures, which double; and how long one must do well to be taken for well. */
#define RETRY_NS     (5 * NS_PER_S)
#define RETRY_MAX_NS (600 * NS_PER_S)
#define STEADY_NS    (10 * NS_PER_S)

/* When a download is given up (exit code 4): see is_unreachable. */
#define NO_TRACKER_NS    (30 * NS_PER_S)
#define SLOW_TRACKERS_NS (180 * NS_PER_S)
#define NO_REACHABLE_NS  (60 * NS_PER_S)

struct managed *managed_of(struct torrent *torrent)
{
    return container_of(torrent, struct managed, torrent);
}

struct managed *managed_of_swarm(struct swarm *swarm)
{
    return container_of(swarm, struct managed, swarm);
}

void master_note_outcome(struct master *m, enum master_outcome outcome)
{
    if (m->outcome == MASTER_DONE)
        m->outcome = outcome;
}

uint64_t managed_down_rate(struct managed *t)
{
    uint64_t now = t->master->now, rate = rate_get(&t->down, now), ran = now - t->ran_ns, average;
    uint64_t had = t->verified + t->stored_bytes;

    /* Totals are up to two seconds old, which is all of a young download. */
    if (!t->ran_ns || !ran || ran > YOUNG_NS || had <= t->had_at_start)
        return rate;
    average = (uint64_t)((double)(had - t->had_at_start) / (double)ran * NS_PER_S);
    return average > rate ? average : rate;
}

void managed_expect_progress(struct managed *t)
{
    t->ask_until = t->master->n_ticks + ASK_TICKS;
}

void managed_set_peers(struct managed *t, uint32_t n_peers, uint32_t n_seeds)
{
    t->n_peers = n_peers;
    t->n_seeds = n_seeds;
    if (n_peers > t->n_peers_most)
        t->n_peers_most = n_peers;
}

/* A disk may be mounted late, and a full one emptied. But better no daemon than one that does half of
 * what its command line tells it. */
static bool may_be_tried_again(const struct managed *t)
{
    const struct master *m = t->master;

    return m->config->daemon && !m->stopping && !t->forget && (m->ready || !t->lasting.named);
}

void managed_fail(struct managed *t, int error, const char *reason)
{
    struct managed_lasting *l = &t->lasting;
    const char *text = reason[0] ? reason : strerror(error);
    bool again = may_be_tried_again(t);
    uint64_t pause = RETRY_NS;

    /* What is said once is not said with every try. */
    if (!l->said || strcmp(l->said, text) != 0)
        log_err(FACILITY, "%s: %s%s", metainfo_name(t->torrent.meta), text,
                again ? "; it will be tried again" : "");
    free(l->said);
    l->said = mem_dup_string(text);
    if (t->forget)
        return;
    if (!again) {
        master_note_outcome(t->master,
                            error == ENOSPC || error == EDQUOT ? MASTER_DISK_FULL : MASTER_ERROR);
        return;
    }
    for (unsigned i = 0; i < l->n_failures && pause < RETRY_MAX_NS; i++)
        pause *= 2;
    l->n_failures++;
    t->retry_ns = t->master->now + (pause < RETRY_MAX_NS ? pause : RETRY_MAX_NS);
}

void managed_content_changed(struct managed *t, uint32_t file)
{
    if (t->life != LIFE_RUNNING)
        return;
    log_warning(FACILITY, "%s: %s has changed on disk, or is gone; what it touches will be checked",
                metainfo_name(t->torrent.meta), metainfo_file(t->torrent.meta, file)->path);
    t->lasting.doubted = true;
    t->retry_ns = t->master->now;
    managed_stop(t);
}

void managed_note_save(struct managed *t, int error)
{
    struct master *m = t->master;

    if (t->failed || t->unsavable == (error != 0))
        return;
    t->unsavable = error != 0;
    m->n_unsavable += error ? 1 : -1;
    if (error ? m->n_unsavable == 1 : !m->n_unsavable)
        master_note_state(m, MASTER_STATE_RESUME, error);
}

static bool asks_for_time(const struct managed *t)
{
    return t->settings.seed_time_s && t->settings.seed_time_s != UINT64_MAX;
}

static void set_life(struct managed *t, enum life life)
{
    t->master->n_in[t->life]--;
    t->master->n_in[life]++;
    t->life = life;
    if (life != LIFE_ENDED)
        return;
    managed_take_settings(t); /* only that Bandwidth forgets its limits */
    t->ended_ns = t->master->now;
    if (t->forget)
        t->master->sweep_due = true;
    else if (t->master->known && t->lasting.known && t->complete && asks_for_time(t))
        managed_be_known(t); /* how long it was seeded */
}

/* It could not even be opened. */
static void end_unopened(struct managed *t, int error, const char *reason)
{
    /* Once a signal has come nobody asks any more whether it could have been. */
    if (error != ECANCELED && !t->master->signalled)
        managed_fail(t, error, reason);
    channel_close(&t->torrent.interest.channel);
    set_life(t, LIFE_ENDED);
    if (t->master->config->daemon && t->lasting.named && !t->master->ready && !t->master->stopping)
        master_stop_all(t->master);
}

void managed_open(struct managed *t)
{
    struct fs_open_torrent *m;

    t->began_ns = t->heard_ns = t->master->now;
    t->stop_wanted = t->master->stopping;
    if (managed_mark_wanted(t)) {
        end_unopened(t, ENOMEM, "");
        return;
    }
    set_life(t, LIFE_OPENING);
    managed_take_settings(t);
    m = fs_new_open_torrent();
    m->torrent = &t->torrent;
    m->refuse_lost = t->master->config->daemon && !t->master->config->check_integrity;
    m->trusting = m->refuse_lost && !t->lasting.doubted;
    t->lasting.doubted = false;
    if (!master_ask_fs_open_torrent(&t->master->inbox, fs_inbox(t->master->fs), m))
        abort(); /* FS ends after the last torrent */
    t->n_queries++;
}

static uint64_t bytes_of(const struct managed *t, const struct bitfield *have)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < have->n_bits; i++)
        if (bitfield_test(have, i) && bitfield_test(&t->torrent.wanted, i))
            bytes += geometry_piece_size(metainfo_geometry(t->torrent.meta), i);
    return bytes;
}

/* The line that stays: complete, or stopped by a signal. */
static void report_finished(struct managed *t)
{
    uint64_t had = t->verified + t->stored_bytes;
    struct master_status s = {
        .name = metainfo_name(t->torrent.meta),
        .n_torrents = 1,
        .state = t->complete ? MASTER_SEEDING : MASTER_STOPPING,
        .verified = t->verified,
        .stored = t->stored_bytes,
        .wanted = t->wanted,
        /* What was verified, not what Totals have told so far: the last report is on its way. */
        .downloaded = had > t->had_at_start ? had - t->had_at_start : 0,
        .uploaded = t->uploaded_before + t->uploaded,
        .n_peers = t->n_peers_most,
        .download_ns = t->completed_ns - t->began_ns,
    };

    if (t->master->config->report)
        t->master->config->report(t->master->config->report_arg, &s, true);
}

static void leave(struct managed *t);

static bool wants_to_seed(const struct managed *t)
{
    return t->master->config->daemon || t->settings.seed_ratio > 0 || asks_for_time(t);
}

/* A partial seed shows what it has: somebody must have given it that. */
static bool super_seeds(const struct managed *t)
{
    return t->complete && !t->unwanted && t->settings.super_seed;
}

/* InterestStat, while there is something to be interested in; or who super-seeds in its place. */
static int start_interest(struct managed *t)
{
    struct master *m = t->master;

    if (super_seeds(t)) {
        t->super_seeder = super_seeder_start(&t->torrent, &m->inbox);
        if (!t->super_seeder)
            return -ENOMEM;
        t->interest_open = true;
    } else if (!t->complete) {
        t->interest_stat = interest_stat_start(&t->torrent, &t->have, &t->stored, &m->inbox,
                                               lobby_inbox(m->lobby));
        if (!t->interest_stat)
            return -ENOMEM;
        t->interest_open = true;
    } else {
        channel_close(&t->torrent.interest.channel);
    }
    bitfield_deinit(&t->have);
    stored_blocks_deinit(&t->stored);
    return 0;
}

static uint64_t left_of(const struct managed *t);

static void tell_choker_complete(struct managed *t)
{
    struct choker_torrent_completed *c = choker_new_torrent_completed();

    c->torrent = &t->torrent;
    c->guided = !t->super_seeder;
    choker_tell_or_drop_torrent_completed(choker_inbox(t->master->choker), c);
}

static void run_torrent(struct managed *t)
{
    struct master *m = t->master;
    struct lobby_torrent_added *added = lobby_new_torrent_added();
    struct announcer_torrent_started *started;
    uint32_t n_have = t->have.n_set;
    int r = bitfield_copy(&added->have, &t->have);

    if (!r)
        r = start_interest(t);
    if (r) {
        bitfield_deinit(&added->have);
        msg_free(&added->msg);
        managed_fail(t, -r, "");
        channel_close(&t->torrent.interest.channel);
        leave(t);
        return;
    }
    set_life(t, LIFE_RUNNING);
    t->ran_ns = t->heard_ns = m->now;
    managed_expect_progress(t);
    started = announcer_new_torrent_started();
    added->torrent = &t->torrent;
    started->swarm = &t->swarm;
    started->left = t->told.left = left_of(t);
    started->partial = t->complete && started->left;
    added->super_seed = t->super_seeder != NULL;
    t->listed = lobby_tell_torrent_added(lobby_inbox(m->lobby), added);
    if (t->complete)
        tell_choker_complete(t);
    t->announced = announcer_tell_torrent_started(announcer_inbox(m->announcer), started);
    log_info(FACILITY, "%s: %s%s, %u of %u pieces are here", metainfo_name(t->torrent.meta),
             t->super_seeder ? "super-" : "", t->complete ? "seeding" : "downloading", n_have,
             t->torrent.geometry.n_pieces);
    if (!t->n_trackers)
        log_warning(FACILITY, "%s: names no tracker that can be asked: waiting for peers to come",
                    metainfo_name(t->torrent.meta));
}

uint64_t managed_seeded_s(const struct managed *t)
{
    uint64_t until = t->ended_ns ? t->ended_ns : t->master->now;

    return t->lasting.seeded_s +
           (t->complete && t->ran_ns ? (until - t->completed_ns) / NS_PER_S : 0);
}

static bool has_seeded_enough(const struct managed *t)
{
    const struct torrent_settings *s = &t->settings;
    double uploaded = (double)(t->uploaded_before + t->uploaded);

    if (!t->complete)
        return false;
    if (s->seed_ratio > 0 && t->wanted && uploaded >= s->seed_ratio * (double)t->wanted)
        return true;
    return s->seed_time_s != UINT64_MAX && managed_seeded_s(t) >= s->seed_time_s;
}

/* After opening or checking: what is on disk is known. */
static void begin(struct managed *t)
{
    struct master *m = t->master;

    t->verified = bytes_of(t, &t->have);
    for (uint32_t i = 0; i < t->have.n_bits; i++)
        if (!bitfield_test(&t->have, i) && !bitfield_test(&t->torrent.wanted, i))
            t->unwanted += geometry_piece_size(metainfo_geometry(t->torrent.meta), i);
    for (size_t i = 0; i < t->stored.n; i++)
        if (bitfield_test(&t->torrent.wanted, t->stored.runs[i].piece))
            t->stored_bytes +=
                (uint64_t)__builtin_popcountll(t->stored.runs[i].blocks) * BLOCK_SIZE;
    t->had_at_start = t->verified + t->stored_bytes;
    if (t->verified == t->wanted) {
        t->complete = true;
        t->completed_ns = t->began_ns;
    }
    if (t->complete && !wants_to_seed(t)) {
        /* Nothing to fetch and nobody asked to seed: do not even say hello to the tracker. */
        report_finished(t);
        t->stop_wanted = true;
    }
    if (m->config->daemon && !t->stop_wanted && has_seeded_enough(t)) {
        log_notice(FACILITY, "%s: has been seeded enough: not started",
                   metainfo_name(t->torrent.meta));
        t->sated = t->stop_wanted = true;
    }
    if (t->stop_wanted) {
        channel_close(&t->torrent.interest.channel);
        leave(t);
    } else {
        run_torrent(t);
    }
}

/* Takes both over. */
static void take_what_is_there(struct managed *t, struct bitfield *have,
                               struct stored_blocks *stored)
{
    bitfield_deinit(&t->have);
    stored_blocks_deinit(&t->stored);
    t->have = *have;
    t->stored = *stored;
    *have = BITFIELD_EMPTY;
    *stored = STORED_BLOCKS_EMPTY;
}

void managed_opened(struct managed *t, struct fs_open_torrent *answer)
{
    if (answer->error) {
        bitfield_deinit(&answer->have);
        stored_blocks_deinit(&answer->stored);
        end_unopened(t, -answer->error, answer->reason);
        return;
    }
    t->torrent.storage = answer->storage;
    t->uploaded_before = answer->uploaded;
    t->downloaded_before = answer->downloaded;
    take_what_is_there(t, &answer->have, &answer->stored);
    if ((answer->n_doubtful || t->master->config->check_integrity) && !t->stop_wanted) {
        struct fs_check_pieces *m = fs_new_check_pieces();

        set_life(t, LIFE_CHECKING);
        t->n_to_check = answer->n_doubtful;
        /* Who adds a torrent expects that; after a restart it is worth knowing. */
        log_at(t->lasting.known ? LOG_LEVEL_NOTICE : LOG_LEVEL_INFO, FACILITY,
               "%s: checking %s on disk", metainfo_name(t->torrent.meta),
               t->master->config->check_integrity ? "everything" : "what is in doubt");
        m->storage = t->torrent.storage;
        m->of = &t->torrent;
        m->all = t->master->config->check_integrity;
        if (!master_ask_fs_check_pieces(&t->master->inbox, fs_inbox(t->master->fs), m))
            abort();
        t->n_queries++;
        return;
    }
    begin(t);
}

void managed_checked(struct managed *t, struct fs_check_pieces *answer)
{
    if (answer->error || t->life != LIFE_CHECKING) {
        bitfield_deinit(&answer->have);
        stored_blocks_deinit(&answer->stored);
        if (t->life != LIFE_CHECKING)
            return; /* stopped meanwhile */
        managed_fail(t, -answer->error, "");
        channel_close(&t->torrent.interest.channel);
        leave(t);
        return;
    }
    if (answer->n_bad)
        log_notice(FACILITY, "%s: %u piece%s on disk %s wrong", metainfo_name(t->torrent.meta),
                   answer->n_bad, size_plural(answer->n_bad), answer->n_bad == 1 ? "was" : "were");
    take_what_is_there(t, &answer->have, &answer->stored);
    t->unsaved = true;
    begin(t);
}

/* BEP 3 does not say whether it counts what nobody asked for; BEP 21 and other clients take it so: a
 * partial seed is not complete. */
static uint64_t left_of(const struct managed *t)
{
    return t->wanted - t->verified + t->unwanted;
}

/* What the next announce says. BEP 3 counts from `started`: this run only. */
static void tell_numbers(struct managed *t)
{
    uint64_t had = t->verified + t->stored_bytes, left = left_of(t);
    /* Totals come late for a short download, and count what was fetched twice. */
    uint64_t downloaded = had > t->had_at_start ? had - t->had_at_start : 0;
    struct announcer_progress *a;

    if (downloaded < t->downloaded)
        downloaded = t->downloaded;
    if (t->told.uploaded == t->uploaded && t->told.downloaded == downloaded && t->told.left == left)
        return;
    t->told.uploaded = t->uploaded;
    t->told.downloaded = downloaded;
    t->told.left = left;
    a = announcer_new_progress();
    a->swarm = &t->swarm;
    a->uploaded = t->uploaded;
    a->downloaded = downloaded;
    a->left = left;
    a->partial = t->complete && left;
    announcer_tell_or_drop_progress(announcer_inbox(t->master->announcer), a);
}

/* Ends the thread of a torrent that lacks nothing any more. Not before all connections know it: what
 * they have not heard of yet, InterestStat tells them. */
static void tell_all(struct managed *t)
{
    struct lobby_torrent_completed *l = lobby_new_torrent_completed();

    l->swarm = &t->swarm;
    if (!master_ask_lobby_torrent_completed(&t->master->inbox, lobby_inbox(t->master->lobby), l))
        abort();
    t->n_queries++;
}

static void end_interest(struct managed *t)
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

void managed_all_told(struct managed *t)
{
    if (t->life == LIFE_RUNNING)
        end_interest(t);
}

void managed_super_seeded(struct managed *t)
{
    if (t->life == LIFE_RUNNING)
        tell_all(t);
}

void managed_completed(struct managed *t)
{
    struct master *m = t->master;
    struct announcer_torrent_completed *a;

    if (t->complete || t->life != LIFE_RUNNING)
        return;
    t->complete = true;
    t->verified = t->wanted;
    t->stored_bytes = 0;
    t->unsaved = true;
    t->completed_ns = m->now;
    tell_choker_complete(t);
    tell_numbers(t);
    if (!t->unwanted) {
        a = announcer_new_torrent_completed();
        a->swarm = &t->swarm;
        announcer_tell_or_drop_torrent_completed(announcer_inbox(m->announcer), a);
    }
    if (wants_to_seed(t)) {
        report_finished(t);
        tell_all(t);
    } else {
        /* To be said when the disk has taken all of it. */
        t->report_at_end = true;
        managed_stop(t);
    }
}

static void save(struct managed *t)
{
    struct fs_save_resume *m;

    if (t->saving)
        return;
    m = fs_new_save_resume();
    m->storage = t->torrent.storage;
    m->of = &t->torrent;
    m->uploaded = t->uploaded_before + t->uploaded;
    m->downloaded = t->downloaded_before + t->downloaded;
    t->saving = true;
    t->unsaved = false;
    t->n_queries++;
    if (!master_ask_fs_save_resume(&t->master->inbox, fs_inbox(t->master->fs), m))
        abort();
}

void managed_heard_tracker(struct managed *t, const struct master_tracker_says *x)
{
    if (!x->ok) {
        t->n_announces_failed++;
        return;
    }
    t->heard_ns = t->master->now;
    t->any_announce_ok = true;
    /* We are in that list ourselves, after the first announce. */
    t->others_named = x->n_peers > 1 || x->n_seeders > 0;
}

/*
 * Whether there is no point in waiting any longer, with a reason for people. A swarm that we have met
 * in this run may come back; a tracker that answers and names nobody else may name somebody soon. But
 * when no tracker has ever answered, or none of those that it named has, somebody ought to be told.
 */
static const char *is_unreachable(const struct managed *t)
{
    uint64_t silence = t->master->now - t->heard_ns;

    if (t->n_peers_most)
        return NULL;
    if (t->any_announce_ok)
        return t->others_named && silence > NO_REACHABLE_NS
                   ? "none of the peers that the tracker names can be reached"
                   : NULL;
    if (silence <= NO_TRACKER_NS)
        return NULL;
    if (!t->n_trackers)
        return "no tracker is named and no peer comes";
    if (t->n_announces_failed >= t->n_trackers || silence > SLOW_TRACKERS_NS)
        return "no tracker answers and no peer can be reached";
    return NULL;
}

static void ask_progress(struct managed *t)
{
    struct interest_progress *q;

    if (!t->interest_open || t->asked_progress)
        return;
    q = interest_new_progress();
    q->of = &t->torrent;
    if (master_ask_interest_progress(&t->master->inbox, &t->torrent.interest, q)) {
        t->asked_progress = true;
        t->master->n_asked++;
        t->n_queries++;
    } else {
        msg_free(&q->msg);
    }
}

void managed_tick(struct managed *t)
{
    struct master *m = t->master;
    const char *reason;

    if (t->life == LIFE_ENDED && !m->stopping && !t->forget &&
        ((t->retry_ns && m->now >= t->retry_ns) || (t->sated && !has_seeded_enough(t)))) {
        managed_again(t);
        return;
    }
    if (t->life != LIFE_RUNNING)
        return;
    if (t->n_peers)
        t->heard_ns = m->now;
    if (has_seeded_enough(t)) {
        log_notice(FACILITY, "%s: has been seeded enough", metainfo_name(t->torrent.meta));
        t->sated = true;
        managed_stop(t);
        return;
    }
    if (t->lasting.said && m->now - t->ran_ns >= STEADY_NS) {
        log_notice(FACILITY, "%s: works again", metainfo_name(t->torrent.meta));
        free(t->lasting.said);
        t->lasting.said = NULL;
        t->lasting.n_failures = 0;
    }
    reason = m->config->daemon || t->complete ? NULL : is_unreachable(t);
    if (reason) {
        log_err(FACILITY, "%s: %s", metainfo_name(t->torrent.meta), reason);
        master_note_outcome(m, MASTER_UNREACHABLE);
        managed_stop(t);
        return;
    }
    if (t->unsaved && (m->n_ticks + t->torrent.swarm->id) % SAVE_EVERY_TICKS == 0)
        save(t);
    if (t->n_peers || m->config->report)
        managed_expect_progress(t);
    if (m->n_ticks <= t->ask_until)
        ask_progress(t);
    tell_numbers(t);
}

/* --- the end ------------------------------------------------------------------------------ */

static void close_storage(struct managed *t)
{
    struct fs_close_torrent *m = fs_new_close_torrent();

    m->storage = t->torrent.storage;
    m->of = &t->torrent;
    /* A thousand torrents at rest end without a thousand writes. Compact data says how it was left. */
    m->unchanged = t->complete && !t->unsaved && !t->saving && !t->failed &&
                   t->torrent.allocation != ALLOCATION_COMPACT;
    m->uploaded = t->uploaded_before + t->uploaded;
    m->downloaded = t->downloaded_before + t->downloaded;
    if (!master_ask_fs_close_torrent(&t->master->inbox, fs_inbox(t->master->fs), m))
        abort();
    t->n_queries++;
}

static void say_goodbye(struct managed *t)
{
    struct announcer_torrent_stopped *a;

    if (!t->announced)
        return;
    tell_numbers(t);
    a = announcer_new_torrent_stopped();
    a->swarm = &t->swarm;
    if (!master_ask_announcer_torrent_stopped(&t->master->inbox,
                                              announcer_inbox(t->master->announcer), a))
        abort();
    t->n_queries++;
}

static void tell_choker_gone(struct managed *t)
{
    struct choker_torrent_removed *c;

    if (!t->listed)
        return;
    c = choker_new_torrent_removed();
    c->torrent = t->torrent.swarm->id;
    choker_tell_or_drop_torrent_removed(choker_inbox(t->master->choker), c);
}

void managed_answered(struct managed *t)
{
    t->n_queries--;
    if (t->n_queries)
        return;
    if (t->life == LIFE_CLOSING) {
        set_life(t, LIFE_ENDED);
        if (!t->failed && (t->report_at_end || (t->ran_ns && !t->complete && t->master->signalled)))
            report_finished(t);
    } else if (t->life == LIFE_LEAVING) {
        set_life(t, LIFE_CLOSING);
        tell_choker_gone(t);
        say_goodbye(t);
        ask_progress(t); /* the peers have given back what they had begun */
        end_interest(t);
        close_storage(t);
    }
}

/* The Lobby closes the connections, and with the last of them come the last Totals; then the
 * Announcer says goodbye, with the right numbers, beside all the rest. */
static void leave(struct managed *t)
{
    struct master *m = t->master;

    set_life(t, LIFE_LEAVING);
    t->n_queries++; /* this function */
    if (t->listed) {
        struct lobby_torrent_removed *l = lobby_new_torrent_removed();

        l->swarm = &t->swarm;
        if (!master_ask_lobby_torrent_removed(&m->inbox, lobby_inbox(m->lobby), l))
            abort();
        t->n_queries++;
    }
    managed_answered(t);
}

void managed_stop(struct managed *t)
{
    t->stop_wanted = true; /* looked at when OPENING is over */
    if (t->life == LIFE_RUNNING) {
        leave(t);
    } else if (t->life == LIFE_CHECKING) {
        set_life(t, LIFE_CLOSING);
        channel_close(&t->torrent.interest.channel);
        close_storage(t);
    }
}

void managed_remove(struct managed *t)
{
    t->forget = true;
    if (t->life == LIFE_ENDED)
        t->master->sweep_due = true;
    else
        managed_stop(t);
}
