/* SPDX-License-Identifier: MIT */
/*
 * Writes received blocks, and hashes whole pieces.
 *
 * HASH BATCHES. Sixteen pieces side by side cost little more than four one by one, so a full batch
 * is three times as cheap as single pieces. A batch takes all pieces that wait, and while one is
 * under way the next fills. At high rates the workers would be idle again before many have
 * gathered; so while pieces arrive fast enough for a better batch, those that wait are held for
 * HOLD_NS. The first piece of a download, and any piece of a slow one, is hashed at once.
 */
#include "actors/fs/blocks.h"

#include <stdlib.h>

#include "actors/fs/queue.h"
#include "actors/fs/report.h"
#include "conjure/base/alloc.h"
#include "conjure/base/sha1.h"

#define HOLD_NS           (25 * NS_PER_MS) /* the longest that a piece waits for others */
#define HOLD_WORTH        5                /* pieces that must be expected in that time */
#define ARRIVAL_FORGOTTEN NS_PER_S         /* longer intervals count as this one */

/* Whether pieces arrive so fast that batches are worth waiting for. */
static bool is_fast(const struct fs_torrent *t)
{
    return t->interval_ns && t->interval_ns * HOLD_WORTH <= HOLD_NS;
}

/* --- storing --------------------------------------------------------------------------------- */

static void reply_stored(struct fs *self, struct fs_torrent *t, struct fs_store_blocks *m,
                         int error)
{
    m->error = error;
    if (error) {
        m->blocks = 0;
        fs_report_failure(self, t, error);
    } else {
        fs_report_stored(t, m);
    }
    msg_reply(&m->msg);
}

static void park(struct fs_torrent *t, struct fs_store_blocks *m)
{
    if (array_reserve(&t->parked, &t->parked_room, t->n_parked + 1, sizeof *t->parked))
        abort(); /* a pointer for each claim under way: too small to be handled, as in mem_new */
    t->parked[t->n_parked++] = m;
}

static void store(struct fs *self, struct fs_torrent *t, struct fs_store_blocks *m)
{
    struct disk_job *job;
    int r = storage_prepare_write(t->storage, m->piece, m->first_block, m->n_blocks, m->blocks,
                                  m->data, &m->from, &job);

    if (r == STORAGE_BUSY) {
        park(t, m);
    } else if (r || !job) {
        reply_stored(self, t, m, r);
    } else {
        job->owner = m;
        fs_queue_add(self, job);
    }
}

void fs_blocks_store(struct fs *self, struct fs_store_blocks *m)
{
    owner_assert(&self->owner);
    self->stored_ns = self->now;
    store(self, storage_owner(m->storage), m);
}

void fs_blocks_retry_parked(struct fs *self, struct fs_torrent *t)
{
    size_t n = t->n_parked;

    owner_assert(&self->owner);
    if (!n || storage_is_busy(t->storage))
        return;
    t->n_parked = 0;
    for (size_t i = 0; i < n; i++) /* those that must wait again move to the front, in order */
        store(self, t, t->parked[i]);
}

static void note_arrivals(struct fs *self, struct fs_torrent *t, uint32_t n_before)
{
    uint32_t n = storage_n_unhashed(t->storage);
    uint64_t since;

    if (n <= n_before)
        return;
    since = t->arrival_ns ? self->now - t->arrival_ns : ARRIVAL_FORGOTTEN;
    if (since > ARRIVAL_FORGOTTEN)
        since = ARRIVAL_FORGOTTEN;
    t->interval_ns = t->interval_ns ? (3 * t->interval_ns + since) / 4 : since;
    t->arrival_ns = self->now;
    if (!n_before)
        t->oldest_ns = self->now;
}

/* Keeps the buffer for the hash of the piece. The reply carries another one. */
static void exchange_buffer(struct fs_torrent *t, struct fs_store_blocks *m)
{
    uint8_t *other = storage_exchange_buffer(t->storage, m->piece, m->data);

    if (other)
        m->data = other;
}

void fs_blocks_end_write(struct fs *self, struct fs_torrent *t, struct disk_job *job)
{
    struct fs_store_blocks *m = job->owner;
    uint32_t n_unhashed = storage_n_unhashed(t->storage);
    bool whole = disk_job_is_whole_piece(job);
    int error = storage_finish(job);

    owner_assert(&self->owner);
    t->writing = false;
    note_arrivals(self, t, n_unhashed);
    if (whole && !error && is_fast(t))
        exchange_buffer(t, m);
    reply_stored(self, t, m, error);
}

/* --- hashing --------------------------------------------------------------------------------- */

uint64_t fs_blocks_hold_until(const struct fs *self, const struct fs_torrent *t)
{
    uint64_t quiet;

    if (t->close || sha1_lanes() == 1 || storage_n_unhashed(t->storage) >= sha1_lanes())
        return 0;
    if (!is_fast(t))
        return 0;
    quiet = t->arrival_ns + 4 * t->interval_ns;
    return quiet < t->oldest_ns + HOLD_NS ? quiet : t->oldest_ns + HOLD_NS;
}

bool fs_blocks_hash(struct fs *self, struct fs_torrent *t)
{
    struct disk_job *job;
    int r = storage_prepare_hash(t->storage, sha1_lanes(), &job);

    owner_assert(&self->owner);
    if (r < 0)
        fs_report_failure(self, t, r);
    if (r || !job)
        return false;
    t->oldest_ns = self->now;
    self->n_hashing++;
    fs_queue_add(self, job);
    return true;
}
