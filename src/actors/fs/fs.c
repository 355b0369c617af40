/* SPDX-License-Identifier: MIT */
/*
 * FS keeps the books of all storages and hands their jobs to the workers, one each at a time; what
 * finds no idle worker waits here, so that a late arrival of more weight can still go first.
 *
 * HASH BATCHES. Sixteen pieces side by side cost little more than four one by one, so a full batch
 * is three times as cheap as single pieces. A batch takes whatever waits, and while one is under way
 * the next fills. At high rates the workers would be back before much has gathered; so while
 * pieces arrive fast enough for a better batch, those that wait are held for HOLD_NS. The
 * first piece of a download, and any piece of a slow one, goes at once.
 *
 * Opening, checking and saving wait their turns in fs_queue.c and fs_check.c.
 */
#include "conjure/actors/fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/fs/internal.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"
#include "conjure/base/sha1.h"

#define HOLD_NS           (25 * NS_PER_MS) /* a piece waits no longer for company */
#define HOLD_WORTH        5                /* pieces that must be expected in that time */
#define OPENS_MAX         8                /* in one list: a slow disk holds up no more */
#define ARRIVAL_FORGOTTEN NS_PER_S
#define KEEP_SPARE_NS     (2 * NS_PER_S) /* spare buffers, with nothing to do */

static void tell_failure(struct fs *self, struct opened *t, int error)
{
    struct master_storage_failed *m;

    if (t->told_failure)
        return;
    t->told_failure = true;
    m = master_new_storage_failed();
    m->torrent = t->torrent;
    m->error = -error;
    storage_describe_error(t->storage, error, m->reason);
    master_tell_or_drop_storage_failed(self->master, m);
}

static void tell_events(struct fs *self, struct opened *t)
{
    const char *name = metainfo_name(t->torrent->meta);
    struct storage_event e;
    char text[ADDR_TEXT_MAX];

    while (storage_next_event(t->storage, &e)) {
        if (e.kind == STORAGE_COMPLETED) {
            struct interest_piece_completed *m = interest_new_piece_completed();

            m->piece = e.piece;
            interest_tell_or_drop_piece_completed(&t->torrent->interest, m);
        } else if (e.kind == STORAGE_FAILED) {
            struct interest_piece_failed *m = interest_new_piece_failed();

            log_info(FACILITY, "%s: piece %u is wrong: all of it is missing again", name, e.piece);
            m->piece = e.piece;
            interest_tell_or_drop_piece_failed(&t->torrent->interest, m);
        } else if (e.kind == STORAGE_CHANGED) {
            struct master_content_changed *m = master_new_content_changed();

            m->torrent = t->torrent;
            m->file = e.piece;
            master_tell_or_drop_content_changed(self->master, m);
        } else {
            struct lobby_ban *m = lobby_new_ban();

            log_notice(FACILITY, "%s: %s sent wrong data of piece %u", name,
                       addr_format(&e.addr, text), e.piece);
            m->swarm = t->torrent->swarm;
            m->addr = e.addr;
            lobby_tell_or_drop_ban(self->lobby, m);
        }
    }
}

/* Whether pieces come so fast that batches are worth waiting for. */
static bool is_fast(const struct opened *t)
{
    return t->interval_ns && t->interval_ns * HOLD_WORTH <= HOLD_NS;
}

/* --- storing --------------------------------------------------------------------------------- */

/* InterestStat learns what is on disk before the peer has its answer (guarantee E of channel.h:
 * before the peer's ClaimReturned), and before any verdict on the piece (guarantee A). */
static void tell_stored(struct opened *t, struct fs_store_blocks *m)
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

static void answer_store(struct fs *self, struct opened *t, struct fs_store_blocks *m, int error)
{
    m->error = error;
    if (error) {
        m->blocks = 0;
        tell_failure(self, t, error);
    } else {
        tell_stored(t, m);
    }
    msg_reply(&m->msg);
}

static void park(struct opened *t, struct fs_store_blocks *m)
{
    if (t->n_parked == t->parked_room) {
        t->parked_room = t->parked_room ? 2 * t->parked_room : 16;
        t->parked = mem_resize(t->parked, t->parked_room, sizeof *t->parked);
    }
    t->parked[t->n_parked++] = m;
}

static void store(struct fs *self, struct opened *t, struct fs_store_blocks *m)
{
    struct disk_job *job;
    int r = storage_prepare_write(t->storage, m->piece, m->first_block, m->n_blocks, m->blocks,
                                  m->data, &m->from, &job);

    if (r == STORAGE_BUSY) {
        park(t, m);
    } else if (r || !job) {
        answer_store(self, t, m, r);
    } else {
        job->owner = m;
        fs_queue_job(self, job);
    }
}

static void on_store_blocks(struct fs *self, struct fs_store_blocks *m)
{
    self->stored_ns = self->now;
    store(self, storage_owner(m->storage), m);
}

/* Has the piece hashed from the buffer that it came in; the asker gets another one home. */
static void keep(struct opened *t, struct fs_store_blocks *m)
{
    uint8_t *other = storage_exchange_buffer(t->storage, m->piece, m->data);

    if (other)
        m->data = other;
}

static void retry_parked(struct fs *self, struct opened *t)
{
    uint32_t n = t->n_parked;

    if (!n || storage_is_busy(t->storage))
        return;
    t->n_parked = 0;
    for (uint32_t i = 0; i < n; i++) /* those that must wait again move to the front, in order */
        store(self, t, t->parked[i]);
}

static void note_arrivals(struct fs *self, struct opened *t, uint32_t n_before)
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

/* --- hashing --------------------------------------------------------------------------------- */

/* When the pieces of T that wait shall be hashed at the latest; self->now or earlier: at once. */
static uint64_t hold_until(const struct fs *self, const struct opened *t)
{
    uint64_t quiet;

    if (t->close || sha1_lanes() == 1 || storage_n_unhashed(t->storage) >= sha1_lanes())
        return 0;
    if (!is_fast(t))
        return 0;
    quiet = t->arrival_ns + 4 * t->interval_ns;
    return quiet < t->oldest_ns + HOLD_NS ? quiet : t->oldest_ns + HOLD_NS;
}

static bool start_hash(struct fs *self, struct opened *t)
{
    struct disk_job *job;
    int r = storage_prepare_hash(t->storage, sha1_lanes(), &job);

    if (r < 0)
        tell_failure(self, t, r);
    if (r || !job)
        return false;
    t->oldest_ns = self->now;
    job->owner = t;
    self->n_hashing++;
    fs_queue_job(self, job);
    return true;
}

/* --- checking -------------------------------------------------------------------------------- */

static void on_check_pieces(struct fs *self, struct fs_check_pieces *m)
{
    struct opened *t = storage_owner(m->storage);

    t->check = m;
    t->n_to_check = storage_begin_check(t->storage, m->all ? CHECK_ALL : CHECK_DOUBTFUL);
    t->progress_ns = t->check_saved_ns = self->now;
    fs_activate(self, t);
}

/* --- resume data, closing -------------------------------------------------------------------- */

static void answer_save(struct fs_save_resume **mp, int error)
{
    struct fs_save_resume *m = *mp;

    *mp = NULL;
    m->error = error;
    msg_reply(&m->msg);
}

static void free_opened(struct fs *self, struct opened *t)
{
    fs_deactivate(self, t);
    due_heap_remove(&self->looks, &t->look);
    *(t->previous ? &t->previous->next : &self->torrents) = t->next;
    if (t->next)
        t->next->previous = t->previous;
    storage_free(t->storage);
    free(t->parked);
    free(t);
}

static void answer_close(struct fs *self, struct opened *t, int error)
{
    struct fs_close_torrent *m = t->close;

    free_opened(self, t);
    m->error = error;
    msg_reply(&m->msg);
}

static void on_save_resume(struct fs *self, struct fs_save_resume *m)
{
    struct opened *t = storage_owner(m->storage);

    if (t->save) {
        m->error = -EALREADY;
        msg_reply(&m->msg);
        return;
    }
    t->save = m;
    fs_activate(self, t);
}

static void on_close_torrent(struct fs *self, struct fs_close_torrent *m)
{
    struct opened *t = storage_owner(m->storage);

    t->close = m;
    fs_cancel_check(self, t);
    fs_activate(self, t);
}

static void start_save(struct fs *self, struct opened *t)
{
    struct disk_job *job;
    int r = storage_prepare_save(t->storage, t->save->uploaded, t->save->downloaded, SAVE_RUNNING,
                                 &job);

    if (r == STORAGE_BUSY)
        return;
    if (r || !job) {
        answer_save(&t->save, r);
        return;
    }
    t->saving = SAVING_ASKED;
    fs_queue_job(self, job);
}

/* False when T has been freed. */
static bool start_close(struct fs *self, struct opened *t)
{
    struct disk_job *job = NULL;
    int r = 0;

    if (storage_is_busy(t->storage) || t->n_parked ||
        (storage_n_unhashed(t->storage) && !t->told_failure))
        return true;
    if (!t->close->unchanged)
        r = storage_prepare_save(t->storage, t->close->uploaded, t->close->downloaded, SAVE_CLOSING,
                                 &job);
    if (r || !job) {
        answer_close(self, t, r);
        return false;
    }
    t->saving = SAVING_CLOSE;
    fs_queue_job(self, job);
    return true;
}

/* What can only go on when something else of the torrent has ended. False when T has been freed. */
static bool move_on(struct fs *self, struct opened *t)
{
    retry_parked(self, t);
    if (t->check && !storage_is_busy(t->storage) &&
        (t->close || t->check_error || !storage_n_doubtful(t->storage))) {
        struct fs_check_pieces *m = t->check;

        t->check = NULL;
        m->n_bad = storage_n_bad(t->storage);
        m->error = bitfield_copy(&m->have, storage_have(t->storage));
        if (!m->error)
            m->error = storage_list_stored(t->storage, &m->stored);
        if (t->check_error)
            m->error = t->check_error;
        t->check_error = 0;
        msg_reply(&m->msg);
    }
    if (t->save && !t->saving)
        start_save(self, t);
    if (fs_is_check_save_due(self, t))
        fs_start_check_save(self, t);
    return !t->close || t->saving || t->save || start_close(self, t);
}

static void move_all_on(struct fs *self)
{
    for (struct opened *t = self->active, *next; t; t = next) {
        next = t->next_active;
        if (move_on(self, t) && !t->check && !t->save && !t->close && !t->n_parked &&
            !storage_n_unhashed(t->storage))
            fs_deactivate(self, t);
    }
}

/* --- opening --------------------------------------------------------------------------------- */

static void cancel_open(struct fs_open_torrent *m)
{
    m->error = -ECANCELED;
    msg_reply(&m->msg);
}

/* Opening waits for an idle worker: a thousand torrents at once would only stand in the way. */
static void on_open_torrent(struct fs *self, struct fs_open_torrent *m)
{
    struct opened *t;

    if (self->opens_no_more) {
        cancel_open(m);
        return;
    }
    t = NEW(struct opened);
    t->torrent = m->torrent;
    t->open = m;
    *(self->opening_last ? &self->opening_last->next : &self->opening_first) = t;
    self->opening_last = t;
    self->n_opening++;
}

static struct opened *take_first_opening(struct fs *self)
{
    struct opened *t = self->opening_first;

    self->opening_first = t->next;
    if (!t->next)
        self->opening_last = NULL;
    self->n_opening--;
    return t;
}

static void on_stop_opening(struct fs *self, struct fs_stop_opening *m)
{
    self->opens_no_more = true;
    while (self->opening_first) {
        struct opened *t = take_first_opening(self);

        cancel_open(t->open);
        free(t);
    }
}

/* The first of those that wait; NULL when it cannot be opened. */
static struct disk_job *begin_open(struct fs *self)
{
    struct opened *t = take_first_opening(self);
    struct fs_open_torrent *m = t->open;
    struct storage_config config = {
        .meta = m->torrent->meta,
        .dir = m->torrent->dir,
        .resume_path = m->torrent->resume_path,
        .allocation = m->torrent->allocation,
        .skip_file = m->torrent->skip_file,
        .owner = t,
        .refuse_lost = m->refuse_lost,
        .trusting = m->trusting,
    };
    struct disk_job *job;

    m->error = storage_new(&config, &self->pool, &self->buffers, &t->storage, m->reason);
    if (!m->error)
        m->error = storage_prepare_open(t->storage, &job);
    if (m->error) {
        storage_free(t->storage);
        free(t);
        msg_reply(&m->msg);
        return NULL;
    }
    t->next = self->torrents;
    if (t->next)
        t->next->previous = t;
    self->torrents = t;
    return job;
}

/* A few for each idle worker: passing them one by one costs more than some of them do. */
static void begin_opens(struct fs *self)
{
    unsigned n_idle = self->n_workers - self->n_busy;
    uint32_t n = (self->n_opening + n_idle - 1) / n_idle;
    struct disk_job *first = NULL, **at = &first;

    for (n = n < OPENS_MAX ? n : OPENS_MAX; n; n--) {
        *at = begin_open(self);
        if (*at)
            at = &(*at)->next;
    }
    if (first)
        fs_give_to_worker(self, first);
}

/* Frees T when opening failed. */
static bool finish_open(struct fs *self, struct opened *t, int error)
{
    struct fs_open_torrent *m = t->open;

    t->open = NULL;
    if (!error)
        error = bitfield_copy(&m->have, storage_have(t->storage));
    if (!error)
        error = storage_list_stored(t->storage, &m->stored);
    m->error = error;
    if (error) {
        storage_describe_error(t->storage, error, m->reason);
        free_opened(self, t);
    } else {
        m->storage = t->storage;
        m->n_doubtful = storage_n_doubtful(t->storage);
        m->uploaded = storage_uploaded(t->storage);
        m->downloaded = storage_downloaded(t->storage);
        fs_expect_look(self, t);
    }
    msg_reply(&m->msg);
    return !error;
}

/* Full batches first, then what is queued, then torrents to be opened, then batches that need not wait
 * any more, then checks. Returns how long to sleep at most. */
static uint64_t schedule(struct fs *self)
{
    uint64_t wait = UINT64_MAX, look;
    struct disk_job *job;

    for (struct opened *t = self->active; t; t = t->next_active)
        while (fs_has_idle_worker(self) && storage_n_unhashed(t->storage) >= sha1_lanes())
            if (!start_hash(self, t))
                break;
    while (fs_has_idle_worker(self) && (job = fs_unqueue_job(self)))
        fs_give_to_worker(self, job);
    while (fs_has_idle_worker(self) && self->opening_first)
        begin_opens(self);
    for (struct opened *t = self->active; t && fs_has_idle_worker(self); t = t->next_active) {
        uint64_t until;

        if (!storage_n_unhashed(t->storage) || self->n_hashing)
            continue;
        until = hold_until(self, t);
        if (until <= self->now)
            start_hash(self, t);
        else if (until - self->now < wait)
            wait = until - self->now;
    }
    fs_start_checks(self);
    for (struct opened *t = self->active; t; t = t->next_active)
        if (t->check && t->check_error && !storage_is_busy(t->storage))
            wait = 0; /* for want of memory: nothing else comes to have it answered */
    look = fs_start_look(self);
    return look < wait ? look : wait;
}

/* --- leases ---------------------------------------------------------------------------------- */

static void on_lease_file(struct fs *self, struct fs_lease_file *m)
{
    int r = storage_lease(m->storage, m->file, &m->handle);

    if (r == -ESTALE)
        tell_events(self, storage_owner(m->storage));
    self->n_leased += !r;
    m->error = r == FILE_MISSING ? -ENOENT : r;
    m->fd = r ? -1 : m->handle->fd;
    msg_reply(&m->msg);
}

static void on_return_lease(struct fs *self, struct fs_return_lease *m)
{
    self->n_leased--;
    handle_pool_return(&self->pool, m->handle);
}

/* --- workers --------------------------------------------------------------------------------- */

/* True when that was the end of T. */
static bool finish_save(struct fs *self, struct opened *t, int error)
{
    enum saving saving = t->saving;

    t->saving = SAVING_NOTHING;
    if (error && storage_failed_in_content(t->storage))
        tell_failure(self, t, error);
    if (saving == SAVING_ASKED)
        answer_save(&t->save, error);
    else if (saving == SAVING_CLOSE)
        answer_close(self, t, error);
    else if (error)
        log_warning(FACILITY, "%s: how far its check has come cannot be saved: %s",
                    metainfo_name(t->torrent->meta), strerror(-error));
    return saving == SAVING_CLOSE;
}

static void finish_job(struct fs *self, struct disk_job *job)
{
    struct opened *t = storage_owner(job->storage);
    enum disk_job_kind kind = job->kind;
    struct fs_store_blocks *blocks = job->owner;
    uint32_t n_unhashed = storage_n_unhashed(t->storage);
    bool whole = disk_job_is_whole_piece(job);
    int error;

    if (kind == DISK_HASH)
        self->n_hashing--;
    error = storage_finish(job);
    switch (kind) {
    case DISK_OPEN:
        if (!finish_open(self, t, error))
            return;
        break;
    case DISK_WRITE:
        t->writing = false;
        note_arrivals(self, t, n_unhashed);
        if (whole && !error && is_fast(t))
            keep(t, blocks);
        answer_store(self, t, blocks, error);
        break;
    case DISK_HASH:
        if (error)
            tell_failure(self, t, error);
        fs_report_check(self, t);
        break;
    case DISK_CHECK:
        if (error) {
            tell_failure(self, t, error);
            t->check_error = error;
        }
        fs_report_check(self, t);
        break;
    case DISK_RESTAT:
        if (error)
            tell_failure(self, t, error);
        fs_look_ended(self, t);
        break;
    case DISK_SAVE:
        if (finish_save(self, t, error))
            return;
        break;
    }
    tell_events(self, t);
    fs_activate(self, t);
}

static void reply_worker_run(struct fs *self, struct worker_run *m)
{
    struct slot *slot = &self->workers[m->worker];
    slot->busy = false;
    *(m->worker < self->n_workers ? &self->n_busy : &self->n_checking) -= 1;
    for (struct disk_job *job = m->job, *next; job; job = next) {
        next = job->next;
        finish_job(self, job);
    }
}

static void on_shutdown(struct fs *self, struct fs_shutdown *m)
{
    self->shutdown = m;
    self->n_parting = self->n_workers + self->n_checkers;
    for (unsigned i = 0; i < self->n_parting; i++) {
        struct slot *slot = &self->workers[i];

        worker_init_shutdown(&slot->shutdown);
        if (!fs_ask_worker_shutdown(&self->inbox, worker_inbox(slot->worker), &slot->shutdown))
            abort();
    }
}

static void reply_worker_shutdown(struct fs *self, struct worker_shutdown *m)
{
    self->ended = --self->n_parting == 0;
}

MSG_DISPATCH(fs, FS_TABLE, struct fs);

static void *run(void *arg)
{
    struct fs *self = arg;
    uint64_t wait = UINT64_MAX, busy_ns = 0;

    while (!self->ended) {
        struct msg *m = channel_receive_wait(&self->inbox.channel, wait);
        self->now = clock_now();
        if (m)
            busy_ns = self->now;
        /* All that has arrived is taken before work is given out: batches form by themselves. */
        for (; m; m = channel_receive(&self->inbox.channel))
            fs_dispatch(self, m);
        move_all_on(self);
        wait = schedule(self);
        if (self->buffers.n_spare && wait > KEEP_SPARE_NS) {
            if (self->now - busy_ns >= KEEP_SPARE_NS)
                piece_buffers_shrink(&self->buffers);
            else
                wait = KEEP_SPARE_NS;
        }
    }
    channel_close(&self->inbox.channel);
    for (unsigned i = 0; i < self->n_workers + self->n_checkers; i++)
        worker_join(self->workers[i].worker);
    while (self->torrents)
        free_opened(self, self->torrents);
    piece_buffers_deinit(&self->buffers);
    due_heap_deinit(&self->looks);
    handle_pool_deinit(&self->pool);
    msg_reply(&self->shutdown->msg);
    return NULL;
}

/* --- the door -------------------------------------------------------------------------------- */

struct fs *fs_start(struct master_inbox *master, struct lobby_inbox *lobby, unsigned n_workers,
                    unsigned n_handles)
{
    struct fs *self = NEW(struct fs);

    self->master = master;
    self->lobby = lobby;
    waker_init_futex(&self->waker);
    channel_init(&self->inbox.channel, &self->waker);
    handle_pool_init(&self->pool, n_handles);
    self->workers = mem_new_array(2 * n_workers, sizeof *self->workers);
    while (self->n_workers < n_workers) {
        struct slot *slot = &self->workers[self->n_workers];

        slot->worker = worker_start(self->n_workers + 1, false);
        if (!slot->worker)
            break; /* fewer do, as long as there is one */
        self->n_workers++;
    }
    for (unsigned i = 0; i < 2 * self->n_workers; i++) {
        worker_init_run(&self->workers[i].run);
        self->workers[i].run.worker = i;
    }
    if (!self->n_workers || actor_start(&self->actor, "fs", run, self))
        return NULL; /* start-up has failed: the process is about to end */
    log_info(FACILITY, "%u workers, hashing by %s", self->n_workers, sha1_kind());
    return self;
}

struct fs_inbox *fs_inbox(struct fs *fs)
{
    return &fs->inbox;
}

void fs_join(struct fs *fs)
{
    if (!fs)
        return;
    actor_join(&fs->actor);
    waker_deinit(&fs->waker);
    free(fs->workers);
    free(fs);
}
