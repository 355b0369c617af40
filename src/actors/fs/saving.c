/* SPDX-License-Identifier: MIT */
#include "actors/fs/saving.h"

#include <errno.h>
#include <string.h>

#include "actors/fs/check.h"
#include "actors/fs/queue.h"
#include "actors/fs/report.h"
#include "actors/fs/torrents.h"
#include "conjure/base/log.h"

static void reply_save(struct fs_torrent *t, int error)
{
    struct fs_save_resume *m = t->save;

    t->save = NULL;
    m->error = error;
    msg_reply(&m->msg);
}

static void reply_close(struct fs *self, struct fs_torrent *t, int error)
{
    struct fs_close_torrent *m = t->close;

    fs_torrent_free(self, t);
    m->error = error;
    msg_reply(&m->msg);
}

void fs_saving_ask(struct fs *self, struct fs_save_resume *m)
{
    struct fs_torrent *t = storage_owner(m->storage);

    owner_assert(&self->owner);
    if (t->save) {
        m->error = -EALREADY;
        msg_reply(&m->msg);
        return;
    }
    t->save = m;
    fs_torrent_activate(self, t);
}

void fs_saving_close(struct fs *self, struct fs_close_torrent *m)
{
    struct fs_torrent *t = storage_owner(m->storage);

    owner_assert(&self->owner);
    t->close = m;
    fs_check_cancel(self, t);
    fs_torrent_activate(self, t);
}

static void start_save(struct fs *self, struct fs_torrent *t)
{
    struct disk_job *job;
    int r = storage_prepare_save(t->storage, t->save->uploaded, t->save->downloaded, SAVE_RUNNING,
                                 &job);

    if (r == STORAGE_BUSY)
        return;
    if (r || !job) {
        reply_save(t, r);
        return;
    }
    t->saving = SAVING_ASKED;
    fs_queue_add(self, job);
}

/* Whether T has jobs under way, or pieces to hash, that have to end before it is closed. */
static bool has_work(const struct fs_torrent *t)
{
    return storage_is_busy(t->storage) || t->n_parked ||
           (storage_n_unhashed(t->storage) && !t->failure_reported);
}

/* False when T has been freed. */
static bool start_close(struct fs *self, struct fs_torrent *t)
{
    struct disk_job *job = NULL;
    int r = 0;

    if (has_work(t))
        return true;
    if (!t->close->unchanged)
        r = storage_prepare_save(t->storage, t->close->uploaded, t->close->downloaded, SAVE_CLOSING,
                                 &job);
    if (r || !job) {
        reply_close(self, t, r);
        return false;
    }
    t->saving = SAVING_CLOSE;
    fs_queue_add(self, job);
    return true;
}

bool fs_saving_continue(struct fs *self, struct fs_torrent *t)
{
    owner_assert(&self->owner);
    if (t->save && !t->saving)
        start_save(self, t);
    if (fs_check_save_is_due(self, t))
        fs_check_start_save(self, t);
    return !t->close || t->saving || t->save || start_close(self, t);
}

bool fs_saving_end(struct fs *self, struct fs_torrent *t, int error)
{
    enum saving saving = t->saving;

    owner_assert(&self->owner);
    t->saving = SAVING_NOTHING;
    if (error && storage_failed_in_content(t->storage))
        fs_report_failure(self, t, error);
    if (saving == SAVING_ASKED)
        reply_save(t, error);
    else if (saving == SAVING_CLOSE)
        reply_close(self, t, error);
    else if (error)
        log_warning(FACILITY, "%s: the progress of its check cannot be saved: %s",
                    metainfo_name(t->torrent->meta), strerror(-error));
    return saving != SAVING_CLOSE;
}
