/* SPDX-License-Identifier: MIT */
/*
 * How a torrent is made, what the others get to see of it, and how it goes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/master/internal.h"
#include "conjure/base/alloc.h"
#include "conjure/base/bytes.h"
#include "conjure/base/rng.h"
#include "conjure/peer/handshake.h"
#include "conjure/tracker/protocol.h"

/* Pieces that hold a byte of a file that is wanted. */
int managed_mark_wanted(struct managed *t)
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

/* Those that the Announcer can talk to. */
static uint32_t count_trackers(const struct tracker_list *l)
{
    uint32_t n = 0;

    for (uint32_t tier = 0; tier < tracker_list_n_tiers(l); tier++)
        for (uint32_t i = 0; i < tracker_list_n_in_tier(l, tier); i++)
            n += tracker_protocol_find(tracker_list_url(l, tier, i)) != NULL;
    return n;
}

static void list(struct managed *t)
{
    struct master *m = t->master;

    t->info_hash = t->swarm.info_hash;
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

    key_map_remove(&m->by_hash, &t->info_hash);
    *(t->previous ? &t->previous->next : &m->first) = t->next;
    *(t->next ? &t->next->previous : &m->last) = t->previous;
    m->n_torrents--;
    m->n_in[t->life]--;
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

struct managed *managed_new(struct master *m, struct master_torrent_config *config)
{
    struct managed *t = NEW(struct managed);
    struct torrent *torrent = &t->torrent;

    t->master = m;
    t->life = LIFE_ENDED;
    t->n_trackers = count_trackers(metainfo_trackers(config->meta));
    t->skip_file = config->skip_file;
    torrent->swarm = &t->swarm;
    torrent->meta = config->meta;
    torrent->geometry = *metainfo_geometry(config->meta);
    torrent->dir = config->folder ? config->folder : mem_dup_string(m->dir);
    torrent->resume_path = resume_path(m->config->state_dir, config->meta, torrent->dir);
    torrent->allocation = m->config->allocation;
    torrent->skip_file = t->skip_file;
    init_swarm(&t->swarm, m, config->meta);
    waker_init_futex(&torrent->interest_waker);
    channel_init(&torrent->interest.channel, &torrent->interest_waker);
    *config = (struct master_torrent_config){0};
    list(t);
    return t;
}

void managed_free(struct managed *t)
{
    unlist(t);
    interest_stat_join(t->interest_stat);
    super_seeder_join(t->super_seeder);
    metainfo_free(t->torrent.meta);
    free(t->torrent.dir);
    free(t->torrent.resume_path);
    free(t->skip_file);
    bitfield_deinit(&t->torrent.wanted);
    bitfield_deinit(&t->have);
    stored_blocks_deinit(&t->stored);
    free(t->lasting.said);
    /* Nothing is said: it was not saved, and what fails next is news again. */
    if (t->unsavable && !--t->master->n_unsavable)
        t->master->state_failing &= ~(1u << MASTER_STATE_RESUME);
    free(t);
}

void managed_again(struct managed *t)
{
    struct master_torrent_config config = {t->torrent.meta, t->skip_file, t->torrent.dir};
    struct managed_lasting lasting = t->lasting;
    struct master *m = t->master;

    t->torrent.meta = NULL;
    t->torrent.dir = NULL;
    t->skip_file = NULL;
    t->lasting.said = NULL;
    lasting.seeded_s = managed_seeded_s(t);
    managed_free(t);
    t = managed_new(m, &config);
    t->lasting = lasting;
    managed_open(t);
}
