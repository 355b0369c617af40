/* SPDX-License-Identifier: MIT */
/*
 * FS keeps the books of all storages and sends their jobs to the workers, one list each at a time.
 * A job that finds no idle worker waits here, so that a later job of a higher priority can still
 * overtake it.
 */
#include "conjure/actors/fs.h"

#include <errno.h>
#include <stdlib.h>

#include "actors/fs/blocks.h"
#include "actors/fs/check.h"
#include "actors/fs/internal.h"
#include "actors/fs/opening.h"
#include "actors/fs/queue.h"
#include "actors/fs/report.h"
#include "actors/fs/restat.h"
#include "actors/fs/saving.h"
#include "actors/fs/torrents.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"
#include "conjure/base/sha1.h"

#define KEEP_SPARE_NS (2 * NS_PER_S) /* without a message: then spare buffers are freed */

/* --- requests -------------------------------------------------------------------------------- */

static void on_open_torrent(struct fs *self, struct fs_open_torrent *m)
{
    fs_opening_add(self, m);
}

static void on_stop_opening(struct fs *self, struct fs_stop_opening *m)
{
    fs_opening_stop(self);
}

static void on_check_pieces(struct fs *self, struct fs_check_pieces *m)
{
    fs_check_begin(self, m);
}

static void on_store_blocks(struct fs *self, struct fs_store_blocks *m)
{
    fs_blocks_store(self, m);
}

static void on_save_resume(struct fs *self, struct fs_save_resume *m)
{
    fs_saving_ask(self, m);
}

static void on_close_torrent(struct fs *self, struct fs_close_torrent *m)
{
    fs_saving_close(self, m);
}

/* ERROR is of storage_unservable. */
static void report_unservable(struct fs *self, struct fs_torrent *t, int error)
{
    if (error == -ESTALE)
        fs_report_events(self, t);
    else if (error != -EAGAIN)
        fs_report_failure(self, t, error);
}

static void on_lease_file(struct fs *self, struct fs_lease_file *m)
{
    int r = storage_lease(m->storage, m->file, &m->handle);

    if (r && r != -EINVAL)
        report_unservable(self, storage_owner(m->storage), r);
    self->n_leased += !r;
    m->error = r;
    m->fd = r ? -1 : m->handle->fd;
    msg_reply(&m->msg);
}

static void on_return_lease(struct fs *self, struct fs_return_lease *m)
{
    if (m->error)
        report_unservable(self, storage_owner(m->storage),
                          storage_unservable(m->storage, m->handle->file, m->error));
    self->n_leased--;
    handle_pool_return(&self->pool, m->handle);
}

/* --- workers --------------------------------------------------------------------------------- */

/* False when T has been freed. */
static bool finish_job(struct fs *self, struct fs_torrent *t, struct disk_job *job)
{
    int error;

    switch (job->kind) {
    case DISK_OPEN:
        return fs_opening_end(self, t, storage_finish(job));
    case DISK_WRITE:
        fs_blocks_end_write(self, t, job);
        return true;
    case DISK_HASH:
        self->n_hashing--;
        error = storage_finish(job);
        if (error)
            fs_report_failure(self, t, error);
        fs_report_check(self, t);
        return true;
    case DISK_MAKE:
    case DISK_CHECK:
        error = storage_finish(job);
        if (error) {
            fs_report_failure(self, t, error);
            t->check_error = error;
        }
        fs_report_check(self, t);
        return true;
    case DISK_SAVE:
        return fs_saving_end(self, t, storage_finish(job));
    case DISK_RESTAT:
        error = storage_finish(job);
        if (error && error != -ECANCELED)
            fs_report_failure(self, t, error);
        fs_restat_end(self, t);
        return true;
    }
    return true;
}

static void reply_worker_run(struct fs *self, struct worker_run *m)
{
    struct fs_worker *w = &self->workers[m->worker];

    w->busy = false;
    *(m->worker < self->n_workers ? &self->n_busy : &self->n_checking) -= 1;
    for (struct disk_job *job = m->job, *next; job; job = next) {
        struct fs_torrent *t = storage_owner(job->storage);

        next = job->next;
        if (!finish_job(self, t, job))
            continue;
        fs_report_events(self, t);
        fs_torrent_activate(self, t);
    }
}

static void end_workers(struct fs *self)
{
    self->n_ending = self->n_workers + self->n_checkers;
    for (unsigned i = 0; i < self->n_ending; i++) {
        struct fs_worker *w = &self->workers[i];

        worker_init_shutdown(&w->shutdown);
        if (!fs_ask_worker_shutdown(&self->inbox, worker_inbox(w->worker), &w->shutdown))
            abort(); /* its inbox is open until it replies to this */
    }
}

static void on_shutdown(struct fs *self, struct fs_shutdown *m)
{
    self->shutdown = m;
    end_workers(self);
}

static void reply_worker_shutdown(struct fs *self, struct worker_shutdown *m)
{
    self->ended = --self->n_ending == 0;
}

MSG_DISPATCH(fs, FS_TABLE, struct fs);

/* --- the loop -------------------------------------------------------------------------------- */

static bool has_work(const struct fs_torrent *t)
{
    return t->check || t->save || t->close || t->n_parked || storage_n_unhashed(t->storage);
}

/* Continues work that had to wait for another job of its torrent. */
static void continue_all(struct fs *self)
{
    for (struct fs_torrent *t = self->active, *next; t; t = next) {
        next = t->next_active;
        fs_blocks_retry_parked(self, t);
        fs_check_end_if_done(self, t);
        if (fs_saving_continue(self, t) && !has_work(t))
            fs_torrent_deactivate(self, t);
    }
}

/* Batches that need not be full any more. Returns how long to wait for the next one, in ns. */
static uint64_t hash_held(struct fs *self)
{
    uint64_t wait = UINT64_MAX;

    for (struct fs_torrent *t = self->active; t && fs_queue_has_idle(self); t = t->next_active) {
        uint64_t until;

        if (!storage_n_unhashed(t->storage) || self->n_hashing)
            continue;
        until = fs_blocks_hold_until(self, t);
        if (until <= self->now)
            fs_blocks_hash(self, t);
        else if (until - self->now < wait)
            wait = until - self->now;
    }
    return wait;
}

/* Full batches first, then what is queued, then torrents to be opened, then batches that need not
 * wait any more, then checks. Returns how long to sleep at most, in ns. */
static uint64_t schedule(struct fs *self)
{
    uint64_t wait, restat;
    struct disk_job *job;

    for (struct fs_torrent *t = self->active; t; t = t->next_active)
        while (fs_queue_has_idle(self) && storage_n_unhashed(t->storage) >= sha1_lanes())
            if (!fs_blocks_hash(self, t))
                break;
    while (fs_queue_has_idle(self) && (job = fs_queue_take(self)))
        fs_queue_give_to_worker(self, job);
    while (fs_queue_has_idle(self) && self->n_opening)
        fs_opening_start_some(self);
    wait = hash_held(self);
    fs_check_schedule(self);
    for (struct fs_torrent *t = self->active; t; t = t->next_active)
        if (t->check && t->check_error && !storage_is_busy(t->storage))
            wait = 0; /* no job could be made, so no reply of a worker will end the check */
    restat = fs_restat_schedule(self);
    return restat < wait ? restat : wait;
}

/* After the replies of all workers to Shutdown. */
static void deinit(struct fs *self)
{
    channel_close(&self->inbox.channel);
    for (unsigned i = 0; i < self->n_workers + self->n_checkers; i++)
        worker_join(self->workers[i].worker);
    for (struct list *place; (place = list_first(&self->torrents));)
        fs_torrent_free(self, container_of(place, struct fs_torrent, place));
    piece_buffers_deinit(&self->buffers);
    due_heap_deinit(&self->restats);
    handle_pool_deinit(&self->pool);
}

static void *run(void *arg)
{
    struct fs *self = arg;
    uint64_t wait = UINT64_MAX, busy_ns = 0;

    while (!self->ended) {
        struct msg *m = channel_receive_wait(&self->inbox.channel, wait);

        self->now = clock_now();
        if (m)
            busy_ns = self->now;
        /* All that has arrived is taken before work is given out, so that batches form. */
        for (; m; m = channel_receive(&self->inbox.channel))
            fs_dispatch(self, m);
        continue_all(self);
        wait = schedule(self);
        if (self->buffers.n_spare && wait > KEEP_SPARE_NS) {
            if (self->now - busy_ns >= KEEP_SPARE_NS)
                piece_buffers_shrink(&self->buffers);
            else
                wait = KEEP_SPARE_NS;
        }
    }
    deinit(self);
    msg_reply(&self->shutdown->msg);
    return NULL;
}

/* --- start and join -------------------------------------------------------------------------- */

static void free_fs(struct fs *self)
{
    waker_deinit(&self->waker);
    free(self->workers);
    free(self);
}

/* Before FS has a thread: the caller's receives the replies of the workers. */
static struct fs *fail_start(struct fs *self, int error)
{
    end_workers(self);
    while (self->n_ending) {
        struct msg *m = channel_receive_wait(&self->inbox.channel, UINT64_MAX);

        if (m)
            fs_dispatch(self, m);
    }
    deinit(self);
    free_fs(self);
    errno = error;
    return NULL;
}

struct fs *fs_start(struct master_inbox *master, struct lobby_inbox *lobby, unsigned n_workers,
                    unsigned n_handles)
{
    struct fs *self = NEW(struct fs);
    int r;

    self->master = master;
    self->lobby = lobby;
    list_init(&self->torrents);
    list_init(&self->opening);
    waker_init_futex(&self->waker);
    channel_init(&self->inbox.channel, &self->waker);
    handle_pool_init(&self->pool, n_handles);
    self->workers = mem_new_array(2 * n_workers, sizeof *self->workers);
    while (self->n_workers < n_workers) {
        struct fs_worker *w = &self->workers[self->n_workers];

        w->worker = worker_start(self->n_workers + 1, WORKER_DISK);
        if (!w->worker)
            break; /* one is enough */
        self->n_workers++;
    }
    if (!self->n_workers)
        return fail_start(self, errno);
    for (unsigned i = 0; i < 2 * self->n_workers; i++) {
        worker_init_run(&self->workers[i].run);
        self->workers[i].run.worker = i;
    }
    r = actor_start(&self->actor, "fs", run, self);
    if (r)
        return fail_start(self, -r);
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
    free_fs(fs);
}
