/* SPDX-License-Identifier: MIT */
/*
 * The two folders that a daemon's torrents come from:
 *
 *   STATE/torrents   a file for each known torrent. Torrents of the command line are added, so that
 *                    the next start needs no names. Removing a file removes the torrent.
 *   --torrents-dir   the user's folder, which is only read. A torrent that appears there is
 *                    started, and one that is removed is stopped.
 *
 * A torrent may have files in both, or several in the latter; it is removed with the last of them.
 * Files are loaded a few per turn of the loop, so that Master stays responsive with thousands of
 * them.
 */
#include "actors/master/folders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actors/master/internal.h"
#include "actors/master/record.h"
#include "actors/master/state.h"
#include "actors/master/torrent.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"
#include "conjure/state/known.h"
#include "conjure/state/state.h"
#include "conjure/state/watch.h"

#define FACILITY "master"

#define TURN_NS (5 * NS_PER_MS) /* the share of one turn of the loop */

#define SAVE_RETRY_TICKS 10 /* after a failure */
/* From the removal of a torrent's last file to that of the torrent: at least one whole tick, so
 * that renaming the file does not stop the torrent. */
#define ORPHAN_TICKS 2

/* --- adding ------------------------------------------------------------------------------- */

/* Finds the torrent with the info-hash of CONFIG, or starts a new one. Takes CONFIG over. Returns
 * NULL while an earlier one is being removed: then CONFIG is still the caller's. */
static struct master_torrent *find_or_start(struct master *m, struct master_torrent_config *config)
{
    struct master_torrent *t = record_find(m, metainfo_info_hash(config->meta));

    if (t && t->removed)
        return NULL;
    if (!t) {
        t = record_new(m, config);
        torrent_start(t);
        return t;
    }
    metainfo_free(config->meta);
    free(config->skip_file);
    free(config->folder);
    return t;
}

/* Postpones E, which could not be read with the error R. Logs each error once, but not ENOENT: the
 * removal of the file is the next event. */
static void read_later(struct watch *w, struct watch_entry *e, const char *path, int r)
{
    if (r != -ENOENT && r != e->error)
        log_err(FACILITY, "%s: %s; it will be tried again", path, strerror(-r));
    e->error = r;
    watch_postpone(w, e);
}

/* --- the folder of known torrents --------------------------------------------------------- */

static bool same_files(const struct master_torrent *t, const bool *skip_file)
{
    for (uint32_t i = 0; i < metainfo_n_files(t->torrent.meta); i++)
        if ((t->skip_file && t->skip_file[i]) != (skip_file && skip_file[i]))
            return false;
    return true;
}

/* A file of T was removed. */
static void become_orphan(struct master_torrent *t)
{
    struct master *m = t->master;

    t->lasting.orphan_tick = m->n_ticks + ORPHAN_TICKS;
    if (!m->orphan_tick)
        m->orphan_tick = t->lasting.orphan_tick;
}

static void take_known(struct master *m, struct watch_entry *e)
{
    char *path = watch_path(m->known, e->name), reason[KNOWN_REASON_MAX], name[KNOWN_NAME_MAX];
    struct known k = KNOWN_EMPTY;
    struct master_torrent_config config;
    struct master_torrent *t;
    int r = known_load(path, &k, reason);

    if (!r && strcmp(known_name(metainfo_info_hash(k.meta), name), e->name) != 0) {
        log_warning(FACILITY, "%s: ignored: its name should be %s", path, name);
    } else if (!r) {
        bool differs;

        t = record_find(m, metainfo_info_hash(k.meta));
        /* The command line overrides the file. */
        differs = t && t->lasting.known_due &&
                  (strcmp(t->torrent.dir, k.folder) != 0 || !same_files(t, k.skip_file));
        config = (struct master_torrent_config){k.meta, k.skip_file, k.folder};
        t = find_or_start(m, &config);
        if (t) {
            k.meta = NULL;
            k.skip_file = NULL;
            k.folder = NULL;
            t->lasting.known = e->taken = true;
            e->error = 0;
            if (!t->lasting.seeded_s)
                t->lasting.seeded_s = k.seeded_s;
            t->lasting.known_due = differs;
            e->info_hash = t->info_hash;
        } else {
            watch_postpone(m->known, e);
        }
    } else if (r == KNOWN_CORRUPT && watch_is_settled(m->known, e)) {
        log_err(FACILITY, "%s: %s: set aside as %s.corrupt", path, reason, e->name);
        r = state_set_aside(path);
        if (r)
            log_err(FACILITY, "%s: %s", path, strerror(-r));
    } else if (r < 0) {
        read_later(m->known, e, path, r);
    }
    known_deinit(&k);
    free(path);
}

static void forget_known(struct master *m, const struct watch_entry *e)
{
    struct master_torrent *t = e->taken ? record_find(m, &e->info_hash) : NULL;

    if (!t)
        return;
    t->lasting.known = t->lasting.known_due = false;
    become_orphan(t);
}

static void save_known(struct master *m, struct master_torrent *t)
{
    struct known k = {t->torrent.meta, t->torrent.dir, t->skip_file, record_seeded_s(t)};
    char name[KNOWN_NAME_MAX], *path;
    struct watch_entry *e;
    int r;

    path = watch_path(m->known, known_name(&t->info_hash, name));
    r = known_save(path, &k);
    free(path);
    if (r) {
        log_info(FACILITY, "%s: cannot be saved as known: %s", record_name(t), strerror(-r));
        state_note(m, MASTER_STATE_KNOWN, r);
        t->lasting.known_tick = m->n_ticks + SAVE_RETRY_TICKS;
        return;
    }
    e = watch_expect(m->known, name);
    e->taken = true;
    e->info_hash = t->info_hash;
    t->lasting.known = true;
    t->lasting.known_due = false;
}

/* Writes the files that are due, until the turn is over. After a failure it writes the others. */
static void save_some(struct master *m, uint64_t until)
{
    bool all = true;

    if (!m->known_due || !m->ready || watch_has_news(m->known) || m->n_ticks < m->save_known_tick)
        return;
    for (struct master_torrent *t = m->first; t; t = t->next) {
        if (!t->lasting.known_due || t->removed)
            continue;
        if (m->n_ticks >= t->lasting.known_tick)
            save_known(m, t);
        all &= !t->lasting.known_due;
        if (clock_now() >= until)
            return;
    }
    m->known_due = !all;
    m->save_known_tick = m->n_ticks + 1;
    if (all)
        state_note(m, MASTER_STATE_KNOWN, 0);
}

/* --- the user's folder -------------------------------------------------------------------- */

static void release_watched(struct master *m, struct watch_entry *e)
{
    struct master_torrent *t = e->taken ? record_find(m, &e->info_hash) : NULL;

    e->taken = false;
    if (!t)
        return;
    t->lasting.n_watched--;
    become_orphan(t);
}

static void take_watched(struct master *m, struct watch_entry *e)
{
    char *path = watch_path(m->watched, e->name), reason[METAINFO_REASON_MAX] = "";
    struct master_torrent_config config = {0};
    struct master_torrent *t;
    int r = metainfo_load(path, &config.meta, reason);

    if (r < 0)
        read_later(m->watched, e, path, r);
    else if (r && watch_is_settled(m->watched, e))
        log_warning(FACILITY, "%s: ignored: %s", path, reason);
    free(path);
    if (r)
        return;
    if (e->taken && info_hash_equal(&e->info_hash, metainfo_info_hash(config.meta))) {
        metainfo_free(config.meta);
        return;
    }
    release_watched(m, e);
    t = find_or_start(m, &config);
    if (!t) {
        metainfo_free(config.meta);
        watch_postpone(m->watched, e);
        return;
    }
    if (!t->lasting.n_watched++ && !t->lasting.orphan_tick)
        log_notice(FACILITY, "%s: added", record_name(t));
    e->taken = true;
    e->error = 0;
    e->info_hash = t->info_hash;
}

/* --- both --------------------------------------------------------------------------------- */

static void take_news(struct master *m, struct watch *w, uint64_t until)
{
    struct watch_entry *e;
    enum watch_news news;

    while (w && (news = watch_next(w, &e))) {
        switch (news) {
        case WATCH_FOLDER_GONE:
            log_err(FACILITY, "%s: %s; its torrents keep running until it is back", watch_dir(w),
                    strerror(watch_error(w)));
            break;
        case WATCH_FOLDER_BACK:
            log_notice(FACILITY, "%s: is available", watch_dir(w));
            break;
        case WATCH_FILE:
            (w == m->known ? take_known : take_watched)(m, e);
            break;
        default:
            if (w == m->known)
                forget_known(m, e);
            else
                release_watched(m, e);
        }
        if (clock_now() >= until)
            return;
    }
}

/* Removes the torrents whose last file was removed. */
static void remove_orphans(struct master *m)
{
    m->orphan_tick = 0;
    for (struct master_torrent *t = m->first; t; t = t->next) {
        uint32_t tick = t->lasting.orphan_tick;

        if (!tick)
            continue;
        if (m->n_ticks < tick) {
            if (!m->orphan_tick || tick < m->orphan_tick)
                m->orphan_tick = tick;
            continue;
        }
        t->lasting.orphan_tick = 0;
        if (t->removed || t->lasting.known || t->lasting.known_due || t->lasting.n_watched)
            continue;
        log_notice(FACILITY, "%s: removed", record_name(t));
        torrent_remove(t);
    }
}

static struct watch *open_watch(const char *dir, const char *suffix)
{
    struct watch *w = watch_new(dir, suffix);
    int error;

    if (watch_is_late(w, &error))
        log_warning(FACILITY, "%s: inotify: %s; it is read every %u seconds instead", dir,
                    strerror(error), WATCH_RESCAN_POLLS);
    return w;
}

int folders_open(struct master *m)
{
    char *path;
    int r;

    owner_assert(&m->owner);
    if (asprintf(&path, "%s/torrents", m->config->state_dir) < 0)
        abort();
    r = mkdir(path, 0777) && errno != EEXIST ? -errno : 0;
    if (r) {
        log_err(FACILITY, "%s: %s", path, strerror(-r));
        free(path);
        return r;
    }
    m->known = open_watch(path, KNOWN_SUFFIX);
    free(path);
    if (m->config->torrents_dir)
        m->watched = open_watch(m->config->torrents_dir, ".torrent");
    return 0;
}

void folders_look(struct master *m)
{
    owner_assert(&m->owner);
    if (m->known && !m->stopping)
        watch_poll(m->known);
    if (m->watched && !m->stopping)
        watch_poll(m->watched);
}

static bool has_news(const struct master *m)
{
    return watch_has_news(m->known) || (m->watched && watch_has_news(m->watched));
}

static bool orphans_due(const struct master *m)
{
    return m->orphan_tick && m->n_ticks >= m->orphan_tick;
}

bool folders_have_work(const struct master *m)
{
    if (!m->known || m->stopping)
        return false;
    return has_news(m) || orphans_due(m) ||
           (m->known_due && m->ready && m->n_ticks >= m->save_known_tick);
}

void folders_work(struct master *m)
{
    uint64_t until = clock_now() + TURN_NS;

    owner_assert(&m->owner);
    if (!folders_have_work(m))
        return;
    take_news(m, m->known, until);
    if (!watch_has_news(m->known))
        take_news(m, m->watched, until);
    if (orphans_due(m) && !has_news(m))
        remove_orphans(m);
    save_some(m, until);
}

void folders_fds(const struct master *m, int *knownp, int *watchedp)
{
    /* Master does not read the folders while it stops. */
    *knownp = m->known && !m->stopping ? watch_fd(m->known) : -1;
    *watchedp = m->watched && !m->stopping ? watch_fd(m->watched) : -1;
}

void folders_close(struct master *m)
{
    owner_assert(&m->owner);
    if (!m->known)
        return;
    for (struct master_torrent *t = m->first; t && m->ready; t = t->next)
        if (t->lasting.known_due && !t->removed)
            save_known(m, t);
    watch_free(m->known);
    watch_free(m->watched);
    m->known = m->watched = NULL;
}
