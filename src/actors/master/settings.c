/* SPDX-License-Identifier: MIT */
/*
 * The settings that may change: finds those of a torrent, and sends them to the actors at the start
 * and after a reload.
 */
#include "actors/master/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/master/internal.h"
#include "actors/master/record.h"
#include "conjure/actors/bandwidth.h"
#include "conjure/actors/choker.h"
#include "conjure/actors/lobby.h"
#include "conjure/base/alloc.h"
#include "conjure/base/bytes.h"
#include "conjure/base/log.h"
#include "conjure/base/sha1.h"
#include "conjure/base/size.h"

#define FACILITY "settings"

#define UNUSED_LOGGED_MAX 10

void master_settings_deinit(struct master_settings *s)
{
    for (uint32_t i = 0; i < s->n_sections; i++)
        free(s->sections[i].torrent);
    free(s->sections);
    *s = MASTER_SETTINGS_EMPTY;
}

const struct torrent_settings *master_settings_of(const struct master_settings *s,
                                                  const struct metainfo *meta)
{
    const struct torrent_settings *found = &s->each;
    char hash[INFO_HASH_TEXT_SIZE];

    info_hash_text(metainfo_info_hash(meta), hash);
    for (uint32_t i = 0; i < s->n_sections; i++) {
        const struct torrent_section *section = &s->sections[i];

        if (!strcmp(section->torrent, hash))
            return &section->settings;
        if (!strcmp(section->torrent, metainfo_name(meta)))
            found = &section->settings;
    }
    return found;
}

/* --- limits ------------------------------------------------------------------------------- */

/* TORRENT: its number, or BANDWIDTH_ALL. */
static void set_limit(struct master *m, uint32_t torrent, enum direction direction,
                      uint64_t bytes_per_s)
{
    struct bandwidth_set_limit *x = bandwidth_new_set_limit();

    x->torrent = torrent;
    x->direction = direction;
    x->bytes_per_s = bytes_per_s;
    bandwidth_tell_or_drop_set_limit(bandwidth_inbox(m->bandwidth), x);
}

void master_settings_tell_limits(struct master *m)
{
    struct bandwidth_exempt_lan *x = bandwidth_new_exempt_lan();
    struct choker_set_limit *c = choker_new_set_limit();

    owner_assert(&m->owner);
    x->exempt = !m->settings.limit_lan;
    bandwidth_tell_or_drop_exempt_lan(bandwidth_inbox(m->bandwidth), x);
    set_limit(m, BANDWIDTH_ALL, DIRECTION_UP, m->settings.max_upload_limit);
    set_limit(m, BANDWIDTH_ALL, DIRECTION_DOWN, m->settings.max_download_limit);
    c->bytes_per_s = m->settings.max_upload_limit;
    choker_tell_or_drop_set_limit(choker_inbox(m->choker), c);
}

void master_settings_apply(struct master_torrent *t)
{
    bool closed = t->state == LIFE_CLOSED;
    uint64_t up, down;

    t->settings = *master_settings_of(&t->master->settings, t->torrent.meta);
    /* Bandwidth has no limits of closed torrents. */
    up = closed ? 0 : t->settings.max_upload_limit;
    down = closed ? 0 : t->settings.max_download_limit;
    if (up != t->limit_up)
        set_limit(t->master, t->swarm.id, DIRECTION_UP, up);
    if (down != t->limit_down)
        set_limit(t->master, t->swarm.id, DIRECTION_DOWN, down);
    t->limit_up = up;
    t->limit_down = down;
}

/* --- connections -------------------------------------------------------------------------- */

/* Each torrent has a file of its own, its lock. */
static unsigned max_peers_possible(const struct master *m)
{
    return m->max_peers_possible > m->n_torrents ? m->max_peers_possible - m->n_torrents : 1;
}

static unsigned max_peers(const struct master *m)
{
    unsigned n = m->settings.max_peers ? m->settings.max_peers : MASTER_PEERS_MAX;

    return n < max_peers_possible(m) ? n : max_peers_possible(m);
}

unsigned master_settings_max_peers(struct master *m)
{
    owner_assert(&m->owner);
    if (m->settings.max_peers > max_peers_possible(m))
        log_warning(FACILITY, "%u connections at most: the limit of open files allows no more",
                    max_peers_possible(m));
    return m->max_peers_told = max_peers(m);
}

static void tell_max_peers(struct master *m)
{
    struct lobby_set_max_peers *x = lobby_new_set_max_peers();

    x->max_peers = m->max_peers_told;
    lobby_tell_or_drop_set_max_peers(lobby_inbox(m->lobby), x);
}

void master_settings_fit_connections(struct master *m)
{
    unsigned now = max_peers(m);

    owner_assert(&m->owner);
    if (now == m->max_peers_told)
        return;
    m->max_peers_told = now;
    tell_max_peers(m);
}

/* --- sections ----------------------------------------------------------------------------- */

void master_settings_log_unused_sections(const struct master *m)
{
    const struct master_settings *s = &m->settings;
    bool *used = mem_new_array(s->n_sections + 1, sizeof *used);
    uint32_t n_unused = 0;

    for (const struct master_torrent *t = m->first; t && s->n_sections; t = t->next) {
        const struct torrent_settings *of = master_settings_of(s, t->torrent.meta);

        if (of != &s->each)
            used[container_of(of, struct torrent_section, settings) - s->sections] = true;
    }
    for (uint32_t i = 0; i < s->n_sections; i++)
        if (!used[i] && n_unused++ < UNUSED_LOGGED_MAX)
            log_notice(FACILITY, "[%s]: no torrent has this name or info-hash now",
                       s->sections[i].torrent);
    if (n_unused > UNUSED_LOGGED_MAX)
        log_notice(FACILITY, "%u more sections match no torrent now", n_unused - UNUSED_LOGGED_MAX);
    free(used);
}

/* --- reload ------------------------------------------------------------------------------- */

void master_settings_reload(struct master *m)
{
    struct master_settings new = MASTER_SETTINGS_EMPTY;

    owner_assert(&m->owner);
    if (m->config->reload(m->config->reload_arg, &new))
        return;
    master_settings_deinit(&m->settings);
    m->settings = new;
    master_settings_tell_limits(m);
    master_settings_max_peers(m);
    tell_max_peers(m);
    for (struct master_torrent *t = m->first; t; t = t->next)
        master_settings_apply(t);
    log_notice(FACILITY, "%s: reloaded", new.source);
    if (m->ready)
        master_settings_log_unused_sections(m);
}
