/* SPDX-License-Identifier: MIT */
#include "actors/fs/report.h"

#include "conjure/base/log.h"

#define PROGRESS_EVERY (250 * NS_PER_MS) /* CheckProgress */

void fs_report_failure(struct fs *self, struct fs_torrent *t, int error)
{
    struct master_storage_failed *m;

    owner_assert(&self->owner);
    if (t->failure_reported)
        return;
    t->failure_reported = true;
    m = master_new_storage_failed();
    m->torrent = t->torrent;
    m->error = -error;
    storage_describe_error(t->storage, error, m->reason);
    master_tell_or_drop_storage_failed(self->master, m);
}

static void report_completed(struct fs_torrent *t, uint32_t piece)
{
    struct interest_piece_completed *m = interest_new_piece_completed();

    m->piece = piece;
    interest_tell_or_drop_piece_completed(&t->torrent->interest, m);
}

static void report_failed(struct fs_torrent *t, uint32_t piece)
{
    struct interest_piece_failed *m = interest_new_piece_failed();

    log_info(FACILITY, "%s: piece %u is wrong: all of it is missing again",
             metainfo_name(t->torrent->meta), piece);
    m->piece = piece;
    interest_tell_or_drop_piece_failed(&t->torrent->interest, m);
}

static void report_changed(struct fs *self, struct fs_torrent *t, uint32_t file)
{
    struct master_content_changed *m = master_new_content_changed();

    m->torrent = t->torrent;
    m->file = file;
    master_tell_or_drop_content_changed(self->master, m);
}

static void report_unreadable(struct fs_torrent *t, uint32_t file)
{
    log_warning(FACILITY, "%s/%s: the disk cannot read a piece of it: the piece is missing",
                t->torrent->dir, metainfo_file(t->torrent->meta, file)->path);
}

static void report_guilty(struct fs *self, struct fs_torrent *t, const struct addr *addr,
                          uint32_t piece)
{
    struct lobby_ban *m = lobby_new_ban();
    char text[ADDR_TEXT_MAX];

    log_notice(FACILITY, "%s: %s sent wrong data of piece %u", metainfo_name(t->torrent->meta),
               addr_format(addr, text), piece);
    m->swarm = t->torrent->swarm;
    m->addr = *addr;
    lobby_tell_or_drop_ban(self->lobby, m);
}

void fs_report_events(struct fs *self, struct fs_torrent *t)
{
    struct storage_event e;

    owner_assert(&self->owner);
    while (storage_next_event(t->storage, &e)) {
        switch (e.kind) {
        case STORAGE_COMPLETED:
            report_completed(t, e.piece);
            break;
        case STORAGE_FAILED:
            report_failed(t, e.piece);
            break;
        case STORAGE_CHANGED:
            report_changed(self, t, e.piece);
            break;
        case STORAGE_UNREADABLE:
            report_unreadable(t, e.piece);
            break;
        case STORAGE_GUILTY:
            report_guilty(self, t, &e.addr, e.piece);
            break;
        }
    }
}

/* InterestStat learns which blocks are on disk before the peer has its reply (guarantee E of
 * channel.h: before the peer's ClaimReturned), and before any verdict on the piece (guarantee
 * A). */
void fs_report_stored(struct fs_torrent *t, struct fs_store_blocks *m)
{
    struct interest_blocks_stored *stored;

    for (uint32_t i = 0; i < m->n_blocks; i++)
        if (!storage_has_block(t->storage, m->piece, m->first_block + i))
            m->blocks &= ~(UINT64_C(1) << i);
    if (!m->blocks)
        return;
    stored = interest_new_blocks_stored();
    stored->claim = m->claim;
    stored->piece = m->piece;
    stored->first_block = m->first_block;
    stored->blocks = m->blocks;
    interest_tell_or_drop_blocks_stored(&t->torrent->interest, stored);
}

void fs_report_check(struct fs *self, struct fs_torrent *t)
{
    struct master_check_progress *m;

    owner_assert(&self->owner);
    if (!t->check || self->now - t->progress_ns < PROGRESS_EVERY)
        return;
    t->progress_ns = self->now;
    m = master_new_check_progress();
    m->torrent = t->torrent;
    m->n_checked = storage_n_checked(t->storage);
    m->n_to_check = t->n_to_check;
    master_tell_or_drop_check_progress(self->master, m);
}
