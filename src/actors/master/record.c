/* SPDX-License-Identifier: MIT */
/*
 * The list of torrents and its index, and the parts of a torrent that other actors see: struct
 * torrent and struct swarm.
 */
#include "actors/master/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/master/internal.h"
#include "actors/master/state.h"
#include "conjure/actors/interest_stat.h"
#include "conjure/actors/super_seeder.h"
#include "conjure/base/alloc.h"
#include "conjure/base/bytes.h"
#include "conjure/base/log.h"
#include "conjure/base/rng.h"
#include "conjure/base/size.h"
#include "conjure/peer/handshake.h"
#include "conjure/tracker/protocol.h"

#define FACILITY "master"

/* For this long the rate shown is the average of the download, if that is higher. */
#define YOUNG_NS (10 * NS_PER_S)

/* For this long after its last peer a torrent may have pieces in FS. */
#define ASK_TICKS 10

int record_mark_wanted(struct master_torrent *t)
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
            t->wanted += geometry_piece_size(metainfo_geometry(meta), i);
    return 0;
}

/* Two downloads of one torrent into two folders must not share resume data. */
static char *resume_path(const char *state_dir, const struct metainfo *meta, const char *dir)
{
    char hash[INFO_HASH_TEXT_SIZE], dir_hash[2 * SHA1_SIZE + 1], *path;
    uint8_t digest[SHA1_SIZE];

    sha1(dir, strlen(dir), digest);
    hex_encode(digest, 4, dir_hash);
    info_hash_text(metainfo_info_hash(meta), hash);
    if (asprintf(&path, "%s/%s-%s.resume", state_dir, hash, dir_hash) < 0)
        abort();
    return path;
}

/* The trackers that Announcer has a protocol for. */
static uint32_t count_trackers(const struct tracker_list *l)
{
    uint32_t n = 0;

    for (uint32_t tier = 0; tier < tracker_list_n_tiers(l); tier++)
        for (uint32_t i = 0; i < tracker_list_n_in_tier(l, tier); i++)
            n += tracker_protocol_find(tracker_list_url(l, tier, i)) != NULL;
    return n;
}

static void list(struct master_torrent *t)
{
    struct master *m = t->master;

    t->info_hash = t->swarm.info_hash;
    key_map_put(&m->by_hash, t);
    t->previous = m->last;
    *(m->last ? &m->last->next : &m->first) = t;
    m->last = t;
    m->n_torrents++;
    m->n_in[t->state]++;
}

static void unlist(struct master_torrent *t)
{
    struct master *m = t->master;

    key_map_remove(&m->by_hash, &t->info_hash);
    *(t->previous ? &t->previous->next : &m->first) = t->next;
    *(t->next ? &t->next->previous : &m->last) = t->previous;
    m->n_torrents--;
    m->n_in[t->state]--;
}

static void init_swarm(struct swarm *s, struct master *m, const struct metainfo *meta)
{
    static const char client[] = HANDSHAKE_CLIENT "0100-";
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    uint8_t random[20];

    *s = (struct swarm){
        .id = m->next_id++,
        .info_hash = *metainfo_info_hash(meta),
        .name = metainfo_name(meta),
        .trackers = metainfo_trackers(meta),
        .port = m->port,
        .is_private = metainfo_is_private(meta),
    };
    /* BEP 20: the client and its version, then random characters. */
    rng_secret(random, sizeof random);
    memcpy(s->peer_id, client, 8);
    for (unsigned i = 8; i < 20; i++)
        s->peer_id[i] = (uint8_t)alphabet[random[i] % 62];
    rng_secret(&s->key, sizeof s->key);
}

static struct master_torrent *add(struct master *m, struct master_torrent_config *config)
{
    struct master_torrent *t = NEW(struct master_torrent);
    struct torrent *torrent = &t->torrent;

    t->master = m;
    t->state = LIFE_CLOSED;
    t->reachability.n_trackers = count_trackers(metainfo_trackers(config->meta));
    t->skip_file = config->skip_file;
    torrent->swarm = &t->swarm;
    torrent->meta = config->meta;
    torrent->geometry = *metainfo_geometry(config->meta);
    torrent->dir = config->folder ? config->folder : mem_dup_string(m->dir);
    torrent->resume_path = resume_path(m->config->state_dir, config->meta, torrent->dir);
    torrent->allocation = m->config->allocation;
    torrent->skip_file = t->skip_file;
    init_swarm(&t->swarm, m, config->meta);
    content_path_init(&t->path, torrent->dir, metainfo_name(config->meta));
    waker_init_futex(&torrent->interest_waker);
    channel_init(&torrent->interest.channel, &torrent->interest_waker);
    *config = (struct master_torrent_config){0};
    list(t);
    return t;
}

/* With one of them as an example. */
static void warn_of_mended_names(const struct metainfo *meta)
{
    const char *original = metainfo_original_name(meta), *mended = metainfo_name(meta);
    uint32_t n = metainfo_n_mended(meta);

    for (uint32_t i = 0; n && !original; i++) {
        original = metainfo_file(meta, i)->original;
        mended = metainfo_file(meta, i)->path + strlen(metainfo_name(meta)) + 1;
    }
    if (n)
        log_warning(FACILITY,
                    "%s: %u name%s could not be used and %s mended (see conjure show): %.300s is "
                    "stored as %s",
                    metainfo_name(meta), n, size_plural(n), n == 1 ? "was" : "were", original,
                    mended);
}

struct master_torrent *record_new(struct master *m, struct master_torrent_config *config)
{
    warn_of_mended_names(config->meta);
    return add(m, config);
}

void record_free(struct master_torrent *t)
{
    unlist(t);
    content_paths_release(&t->master->paths, &t->path);
    interest_stat_join(t->interest_stat);
    super_seeder_join(t->super_seeder);
    metainfo_free(t->torrent.meta);
    free(t->torrent.dir);
    free(t->torrent.resume_path);
    free(t->skip_file);
    bitfield_deinit(&t->torrent.wanted);
    bitfield_deinit(&t->have);
    stored_blocks_deinit(&t->stored);
    free(t->lasting.last_error);
    /* Do not log a recovery, since nothing was saved; but log the next failure. */
    if (t->save_failed && !--t->master->n_save_failed)
        t->master->state_failing &= ~(1u << MASTER_STATE_RESUME);
    free(t);
}

struct master_torrent *record_renew(struct master_torrent *t)
{
    struct master_torrent_config config = {t->torrent.meta, t->skip_file, t->torrent.dir};
    struct master_torrent_lasting lasting = t->lasting;
    struct master *m = t->master;

    t->torrent.meta = NULL;
    t->torrent.dir = NULL;
    t->skip_file = NULL;
    t->lasting.last_error = NULL;
    lasting.seeded_s = record_seeded_s(t);
    record_free(t);
    t = add(m, &config);
    t->lasting = lasting;
    return t;
}

struct master_torrent *record_find(const struct master *m, const struct info_hash *info_hash)
{
    return key_map_get(&m->by_hash, info_hash);
}

struct master_torrent *record_of(struct torrent *torrent)
{
    return container_of(torrent, struct master_torrent, torrent);
}

struct master_torrent *record_of_swarm(struct swarm *swarm)
{
    return container_of(swarm, struct master_torrent, swarm);
}

const char *record_name(const struct master_torrent *t)
{
    return metainfo_name(t->torrent.meta);
}

void record_set_state(struct master_torrent *t, enum life_state state)
{
    t->master->n_in[t->state]--;
    t->master->n_in[state]++;
    t->state = state;
}

void record_save_known(struct master_torrent *t)
{
    t->lasting.known_due = true;
    t->master->known_due = true;
}

/* --- numbers ------------------------------------------------------------------------------ */

void record_expect_progress(struct master_torrent *t)
{
    t->ask_until_tick = t->master->n_ticks + ASK_TICKS;
}

void record_set_peers(struct master_torrent *t, uint32_t n_peers, uint32_t n_seeds)
{
    t->n_peers = n_peers;
    t->n_seeds = n_seeds;
    if (n_peers > t->n_peers_most)
        t->n_peers_most = n_peers;
    reachability_note_peers(&t->reachability, n_peers);
}

uint64_t record_down_rate(struct master_torrent *t)
{
    uint64_t now = t->master->now, rate = rate_get(&t->down, now), ran = now - t->started_ns;
    uint64_t had = t->verified + t->stored_bytes, average;

    /* Totals are up to two seconds old, which is all of a young download. */
    if (!t->started_ns || !ran || ran > YOUNG_NS || had <= t->had_at_start)
        return rate;
    average = (uint64_t)((double)(had - t->had_at_start) / (double)ran * NS_PER_S);
    return average > rate ? average : rate;
}

uint64_t record_up_rate(struct master_torrent *t)
{
    return rate_get(&t->up, t->master->now);
}

uint64_t record_uploaded(const struct master_torrent *t)
{
    return t->uploaded_before + t->uploaded;
}

uint64_t record_downloaded(const struct master_torrent *t)
{
    return t->downloaded_before + t->downloaded;
}

uint64_t record_seeded_s(const struct master_torrent *t)
{
    uint64_t until = t->closed_ns ? t->closed_ns : t->master->now;

    return t->lasting.seeded_s +
           (t->complete && t->started_ns ? (until - t->completed_ns) / NS_PER_S : 0);
}
