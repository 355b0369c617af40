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

#include "actors/master.h"
#include "conjure/base/alloc.h"
#include "conjure/base/bytes.h"
#include "conjure/base/log.h"
#include "conjure/base/rng.h"
#include "conjure/peer/handshake.h"
#include "conjure/tracker/protocol.h"

#define FACILITY "master"

/* So long the rate shown is that of the whole download, if it is higher. */
#define YOUNG_NS (10 * NS_PER_S)

/* So long after its last peer a torrent may have pieces in FS. */
#define ASK_TICKS 10

/* When a download is given up (exit code 4): see is_unreachable. */
#define NO_TRACKER_NS    (30 * NS_PER_S)
#define SLOW_TRACKERS_NS (180 * NS_PER_S)
#define NO_REACHABLE_NS  (60 * NS_PER_S)

struct managed *managed_of(struct torrent *torrent)
{
    return container_of(torrent, struct managed, torrent);
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

/* Says why a torrent cannot go on; the caller ends it. ERROR is an errno. */
static void fail(struct managed *t, int error, const char *reason)
{
    log_err(FACILITY, "%s: %s", metainfo_name(t->torrent.meta),
            reason[0] ? reason : strerror(error));
    master_note_outcome(t->master,
                        error == ENOSPC || error == EDQUOT ? MASTER_DISK_FULL : MASTER_ERROR);
}

/* Pieces that hold a byte of a file that is wanted. */
static int mark_wanted(struct managed *t)
{
    const struct metainfo *meta = t->torrent.meta;
    uint32_t n = metainfo_n_pieces(meta);
    int r = bitfield_init(&t->torrent.wanted, n);

    if (r)
        return r;
    if (!t->skip_file)
        bitfield_set_all(&t->torrent.wanted);
    for (uint32_t i = 0; t->skip_file && i < metainfo_n_files(meta); i++) {
        const struct metainfo_file *f = metainfo_file(meta, i);
        uint64_t length = metainfo_piece_length(meta);

        if (t->skip_file[i] || f->padding || !f->length)
            continue;
        for (uint64_t piece = f->offset / length; piece <= (f->offset + f->length - 1) / length;
             piece++)
            bitfield_set(&t->torrent.wanted, (uint32_t)piece);
    }
    for (uint32_t i = 0; i < n; i++)
        if (bitfield_test(&t->torrent.wanted, i))
            t->wanted += metainfo_piece_size(meta, i);
    return 0;
}

/* Two downloads of one torrent into two folders must not share resume data. */
static char *resume_path(const char *state_dir, const struct metainfo *meta, const char *dir)
{
    char hash[2 * SHA1_SIZE + 1], dir_hash[2 * SHA1_SIZE + 1], *path;
    uint8_t digest[SHA1_SIZE];

    sha1(dir, strlen(dir), digest);
    hex_encode(digest, 4, dir_hash);
    hex_encode(metainfo_info_hash(meta), SHA1_SIZE, hash);
    if (asprintf(&path, "%s/%s-%s.resume", state_dir, hash, dir_hash) < 0)
        abort();
    return path;
}

/* Those that the Announcer can talk to. */
static uint32_t count_trackers(const struct metainfo *meta)
{
    uint32_t n = 0;

    for (uint32_t tier = 0; tier < metainfo_n_tiers(meta); tier++)
        for (uint32_t i = 0; i < metainfo_n_trackers(meta, tier); i++)
            n += tracker_protocol_find(metainfo_tracker(meta, tier, i)) != NULL;
    return n;
}

static void set_life(struct managed *t, enum life life)
{
    t->master->n_in[t->life]--;
    t->master->n_in[life]++;
    t->life = life;
    if (life == LIFE_ENDED)
        managed_drop_limits(t);
    if (life == LIFE_ENDED && t->forget)
        t->master->sweep_due = true;
}

static void list(struct managed *t)
{
    struct master *m = t->master;

    memcpy(t->info_hash, metainfo_info_hash(t->torrent.meta), SHA1_SIZE);
    key_map_put(&m->by_hash, t);
    t->previous = m->last;
    *(m->last ? &m->last->next : &m->first) = t;
    m->last = t;
    m->n_torrents++;
    m->n_in[t->life]++;
}

static void unlist(struct managed *t)
{
    struct master *m = t->master;

    key_map_remove(&m->by_hash, t->info_hash);
    *(t->previous ? &t->previous->next : &m->first) = t->next;
    *(t->next ? &t->next->previous : &m->last) = t->previous;
    m->n_torrents--;
    m->n_in[t->life]--;
}

struct managed *managed_new(struct master *m, struct master_torrent_config *config)
{
    static const char client[] = HANDSHAKE_CLIENT "0100-";
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    struct managed *t = NEW(struct managed);
    struct torrent *torrent = &t->torrent;
    uint8_t random[20];

    t->master = m;
    t->life = LIFE_ENDED;
    t->n_trackers = count_trackers(config->meta);
    t->skip_file = config->skip_file;
    torrent->id = m->next_id++;
    torrent->meta = config->meta;
    torrent->geometry.total_length = metainfo_total_length(config->meta);
    torrent->geometry.piece_length = metainfo_piece_length(config->meta);
    torrent->geometry.n_pieces = metainfo_n_pieces(config->meta);
    torrent->dir = mem_dup_string(m->dir);
    torrent->resume_path = resume_path(m->config->state_dir, config->meta, m->dir);
    torrent->allocation = m->config->allocation;
    torrent->skip_file = t->skip_file;
    torrent->port = m->config->port;
    /* BEP 20: the client and its version, then random characters. */
    rng_secret(random, sizeof random);
    memcpy(torrent->peer_id, client, 8);
    for (unsigned i = 8; i < 20; i++)
        torrent->peer_id[i] = (uint8_t)alphabet[random[i] % 62];
    rng_secret(&torrent->key, sizeof torrent->key);
    waker_init_futex(&torrent->interest_waker);
    channel_init(&torrent->interest.channel, &torrent->interest_waker);
    list(t);
    return t;
}

void managed_free(struct managed *t)
{
    unlist(t);
    interest_stat_join(t->interest_stat);
    metainfo_free(t->torrent.meta);
    free(t->torrent.dir);
    free(t->torrent.resume_path);
    free(t->skip_file);
    bitfield_deinit(&t->torrent.wanted);
    bitfield_deinit(&t->have);
    stored_blocks_deinit(&t->stored);
    free(t);
}

void managed_open(struct managed *t)
{
    struct fs_open_torrent *m;

    t->began_ns = t->heard_ns = t->master->now;
    managed_take_settings(t);
    if (mark_wanted(t)) {
        fail(t, ENOMEM, "");
        channel_close(&t->torrent.interest.channel);
        return;
    }
    set_life(t, LIFE_OPENING);
    m = fs_new_open_torrent();
    m->torrent = &t->torrent;
    if (!master_ask_fs_open_torrent(&t->master->inbox, fs_inbox(t->master->fs), m))
        abort(); /* FS ends after the last torrent */
    t->n_queries++;
}

static uint64_t bytes_of(const struct managed *t, const struct bitfield *have)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < have->n_bits; i++)
        if (bitfield_test(have, i) && bitfield_test(&t->torrent.wanted, i))
            bytes += metainfo_piece_size(t->torrent.meta, i);
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
    const struct torrent_settings *s = &t->settings;

    return t->master->config->daemon || s->seed_ratio > 0 ||
           (s->seed_time_s && s->seed_time_s != UINT64_MAX);
}

/* InterestStat, while there is something to be interested in. */
static int start_interest(struct managed *t)
{
    struct master *m = t->master;

    if (!t->complete) {
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
        fail(t, -r, "");
        channel_close(&t->torrent.interest.channel);
        leave(t);
        return;
    }
    set_life(t, LIFE_RUNNING);
    t->ran_ns = t->heard_ns = m->now;
    managed_expect_progress(t);
    started = announcer_new_torrent_started();
    added->torrent = started->torrent = &t->torrent;
    started->left = t->told.left = t->wanted - t->verified;
    t->listed = lobby_tell_torrent_added(lobby_inbox(m->lobby), added);
    if (t->complete) {
        struct choker_torrent_completed *c = choker_new_torrent_completed();

        c->torrent = &t->torrent;
        choker_tell_or_drop_torrent_completed(choker_inbox(m->choker), c);
    }
    t->announced = announcer_tell_torrent_started(announcer_inbox(m->announcer), started);
    log_info(FACILITY, "%s: %s, %u of %u pieces are here", metainfo_name(t->torrent.meta),
             t->complete ? "seeding" : "downloading", n_have, t->torrent.geometry.n_pieces);
    if (!t->n_trackers)
        log_warning(FACILITY, "%s: names no tracker that can be asked: waiting for peers to come",
                    metainfo_name(t->torrent.meta));
}

/* After opening or checking: what is on disk is known. */
static void begin(struct managed *t)
{
    t->verified = bytes_of(t, &t->have);
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
        fail(t, -answer->error, answer->reason);
        channel_close(&t->torrent.interest.channel);
        bitfield_deinit(&answer->have);
        stored_blocks_deinit(&answer->stored);
        set_life(t, LIFE_ENDED);
        /* Better no daemon than one that does half of what it was told. */
        if (t->master->config->daemon && !t->master->ready)
            master_stop_all(t->master);
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
        fail(t, -answer->error, "");
        channel_close(&t->torrent.interest.channel);
        leave(t);
        return;
    }
    if (answer->n_bad)
        log_notice(FACILITY, "%s: %u piece%s on disk %s wrong", metainfo_name(t->torrent.meta),
                   answer->n_bad, answer->n_bad == 1 ? "" : "s",
                   answer->n_bad == 1 ? "was" : "were");
    take_what_is_there(t, &answer->have, &answer->stored);
    t->unsaved = true;
    begin(t);
}

/* What the next announce says. BEP 3 counts from `started`: this run only. */
static void tell_numbers(struct managed *t)
{
    uint64_t had = t->verified + t->stored_bytes, left = t->wanted - t->verified;
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
    a->torrent = &t->torrent;
    a->uploaded = t->uploaded;
    a->downloaded = downloaded;
    a->left = left;
    announcer_tell_or_drop_progress(announcer_inbox(t->master->announcer), a);
}

/* Ends the thread of a torrent that lacks nothing any more. Not before all connections know it: what
 * they have not heard of yet, InterestStat tells them. */
static void tell_all(struct managed *t)
{
    struct lobby_torrent_completed *l = lobby_new_torrent_completed();

    l->torrent = &t->torrent;
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

void managed_completed(struct managed *t)
{
    struct master *m = t->master;
    struct choker_torrent_completed *c;
    struct announcer_torrent_completed *a;

    if (t->complete || t->life != LIFE_RUNNING)
        return;
    t->complete = true;
    t->verified = t->wanted;
    t->stored_bytes = 0;
    t->unsaved = true;
    t->completed_ns = m->now;
    c = choker_new_torrent_completed();
    a = announcer_new_torrent_completed();
    c->torrent = a->torrent = &t->torrent;
    choker_tell_or_drop_torrent_completed(choker_inbox(m->choker), c);
    tell_numbers(t);
    announcer_tell_or_drop_torrent_completed(announcer_inbox(m->announcer), a);
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

static bool has_seeded_enough(const struct managed *t)
{
    const struct torrent_settings *s = &t->settings;
    double uploaded = (double)(t->uploaded_before + t->uploaded);

    if (!t->complete)
        return false;
    if (s->seed_ratio > 0 && t->wanted && uploaded >= s->seed_ratio * (double)t->wanted)
        return true;
    return s->seed_time_s != UINT64_MAX &&
           t->master->now - t->completed_ns >= s->seed_time_s * NS_PER_S;
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

    if (t->life != LIFE_RUNNING)
        return;
    if (t->n_peers)
        t->heard_ns = m->now;
    if (has_seeded_enough(t)) {
        managed_stop(t);
        return;
    }
    reason = m->config->daemon || t->complete ? NULL : is_unreachable(t);
    if (reason) {
        log_err(FACILITY, "%s: %s", metainfo_name(t->torrent.meta), reason);
        master_note_outcome(m, MASTER_UNREACHABLE);
        managed_stop(t);
        return;
    }
    if (t->unsaved && (m->n_ticks + t->torrent.id) % SAVE_EVERY_TICKS == 0)
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
    a->torrent = &t->torrent;
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
    c->torrent = t->torrent.id;
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

        l->torrent = &t->torrent;
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
