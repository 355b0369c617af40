/* SPDX-License-Identifier: MIT */
#include "actors/master/disk.h"

#include <stdlib.h>

#include "actors/master/internal.h"
#include "actors/master/record.h"
#include "actors/master/state.h"
#include "conjure/actors/fs.h"
#include "conjure/base/log.h"

#define FACILITY "master"

/* --- opening and checking ----------------------------------------------------------------- */

/* A download that is started again makes up for files that the user has removed. In a daemon they
 * are reported: nobody has asked for them again. */
static struct write_policy write_policy(const struct master_config *c)
{
    bool repair = c->repair_changed || c->check_integrity;

    return (struct write_policy){.overwrite = c->allow_overwrite,
                                 .repair_changed = repair,
                                 .repair_gone = repair || !c->daemon,
                                 .seed_only = c->seed_only};
}

void disk_open(struct master_torrent *t)
{
    struct fs_open_torrent *m = fs_new_open_torrent();

    m->torrent = &t->torrent;
    m->refuse_lost = t->master->config->daemon && !t->master->config->check_integrity;
    m->trusting = m->refuse_lost && !t->lasting.needs_restat;
    m->policy = write_policy(t->master->config);
    t->lasting.needs_restat = false;
    if (!master_ask_fs_open_torrent(&t->master->inbox, fs_inbox(t->master->fs), m))
        abort(); /* FS ends after the last torrent */
    t->n_queries++;
}

void disk_check(struct master_torrent *t)
{
    bool all = t->master->config->check_integrity;
    struct fs_check_pieces *m = fs_new_check_pieces();

    /* Expected when a torrent is new to us, worth a notice after a restart. */
    log_at(t->lasting.known ? LOG_LEVEL_NOTICE : LOG_LEVEL_INFO, FACILITY,
           "%s: checking %s on disk: %u", record_name(t),
           all ? "all pieces" : "the doubtful pieces",
           all ? t->torrent.geometry.n_pieces : t->n_to_check);
    m->storage = t->torrent.storage;
    m->of = &t->torrent;
    m->all = all;
    m->save_ns = t->master->settings.save_interval_s * NS_PER_S;
    if (!master_ask_fs_check_pieces(&t->master->inbox, fs_inbox(t->master->fs), m))
        abort();
    t->n_queries++;
}

void disk_take_content(struct master_torrent *t, struct bitfield *have,
                       struct stored_blocks *stored)
{
    bitfield_deinit(&t->have);
    stored_blocks_deinit(&t->stored);
    t->have = *have;
    t->stored = *stored;
    *have = BITFIELD_EMPTY;
    *stored = STORED_BLOCKS_EMPTY;
}

static uint64_t bytes_of(const struct master_torrent *t, const struct bitfield *have)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < have->n_bits; i++)
        if (bitfield_test(have, i) && bitfield_test(&t->torrent.wanted, i))
            bytes += geometry_piece_size(metainfo_geometry(t->torrent.meta), i);
    return bytes;
}

void disk_count(struct master_torrent *t)
{
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
        t->completed_ns = t->opened_ns;
    }
}

/* --- saving and closing ------------------------------------------------------------------- */

void disk_tick(struct master_torrent *t)
{
    struct fs_save_resume *m;

    /* Each torrent has a second of its own. */
    if (!t->changed || t->saving ||
        (t->master->n_ticks + t->swarm.id) % t->master->settings.save_interval_s != 0)
        return;
    m = fs_new_save_resume();
    m->storage = t->torrent.storage;
    m->of = &t->torrent;
    m->uploaded = record_uploaded(t);
    m->downloaded = record_downloaded(t);
    t->saving = true;
    t->changed = false;
    t->n_queries++;
    if (!master_ask_fs_save_resume(&t->master->inbox, fs_inbox(t->master->fs), m))
        abort();
}

void disk_note_save(struct master_torrent *t, int error)
{
    struct master *m = t->master;

    if (t->storage_failed || t->save_failed == (error != 0))
        return;
    t->save_failed = error != 0;
    m->n_save_failed += error ? 1 : -1;
    if (error ? m->n_save_failed == 1 : !m->n_save_failed)
        state_note(m, MASTER_STATE_RESUME, error);
}

void disk_saved(struct master_torrent *t, int error)
{
    disk_note_save(t, error);
    t->saving = false;
    t->changed |= error != 0;
}

void disk_close(struct master_torrent *t)
{
    struct fs_close_torrent *m = fs_new_close_torrent();

    m->storage = t->torrent.storage;
    m->of = &t->torrent;
    /* A thousand torrents that did not change are closed without a write each. Compact resume data
     * records how the torrent was closed, and is always written. */
    m->unchanged = t->complete && !t->changed && !t->saving && !t->storage_failed &&
                   t->torrent.allocation != ALLOCATION_COMPACT;
    m->uploaded = record_uploaded(t);
    m->downloaded = record_downloaded(t);
    if (!master_ask_fs_close_torrent(&t->master->inbox, fs_inbox(t->master->fs), m))
        abort();
    t->n_queries++;
}
