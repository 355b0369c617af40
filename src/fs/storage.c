/* SPDX-License-Identifier: MIT */
/* A torrent's storage as a whole: creation, the end of jobs, queries. */
#include "conjure/fs/storage.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/fs/io.h"
#include "fs/bits.h"
#include "fs/internal.h"

/* --- creation -------------------------------------------------------------------------------- */

/* Its holder removes the lock file at the end. So the file that we locked may no longer be the one
 * of that name: then the new one is locked. */
static int lock_torrent(struct storage *s)
{
    for (;;) {
        struct stat ours, named;
        int fd = open(s->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);

        if (fd < 0)
            return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            int r = errno == EWOULDBLOCK ? -EBUSY : -errno;

            io_close(fd);
            return r;
        }
        if (!fstat(fd, &ours) && !stat(s->lock_path, &named) && ours.st_ino == named.st_ino &&
            ours.st_dev == named.st_dev) {
            s->lock_fd = fd;
            return 0;
        }
        io_close(fd);
    }
}

static int init_books(struct storage *s, struct piece_buffers *buffers)
{
    int r = books_init(&s->books, metainfo_geometry(s->store.meta), buffers);

    if (!r)
        r = stamps_init(&s->stamps, s->store.n_files);
    if (!r)
        r = ownership_init(&s->ownership, s->store.n_files);
    if (r)
        return r;
    s->placement = placement_new(&s->store);
    return s->placement ? 0 : -ENOMEM;
}

int storage_new(const struct storage_config *config, struct handle_pool *pool,
                struct piece_buffers *buffers, struct storage **storagep,
                char reason[STORAGE_REASON_MAX])
{
    struct storage *s = NEW(struct storage);
    const char *failed_path = config->dir;
    int dir_fd = -1, r;

    s->store = STORE_EMPTY;
    s->pool = pool;
    s->owner = config->owner;
    s->refuse_lost = config->refuse_lost;
    s->trusting = config->trusting;
    s->policy = config->policy;
    s->lock_fd = -1;
    s->check_at = UINT32_MAX;
    s->failed_file = JOB_FILE_NONE;
    s->shared_file = STAMPS_NONE;
    s->dir = mem_dup_string(config->dir);
    r = dirs_open(&pool->dirs, s->dir, &dir_fd);
    if (!r) {
        r = store_init(&s->store, config->meta, dir_fd, config->allocation, config->skip_file);
        if (r)
            dirs_close(&pool->dirs, dir_fd);
    }
    if (!r)
        r = init_books(s, buffers);
    if (!r && config->resume_path) {
        size_t size = strlen(config->resume_path) + sizeof ".lock";

        s->resume_path = mem_dup_string(config->resume_path);
        s->lock_path = mem_new(size);
        snprintf(s->lock_path, size, "%s.lock", s->resume_path);
        failed_path = s->lock_path;
        r = lock_torrent(s);
    }
    if (r) {
        snprintf(reason, STORAGE_REASON_MAX, "%s: %s", failed_path,
                 r == -EBUSY ? "another process works on this torrent" : strerror(-r));
        storage_free(s);
        return r;
    }
    *storagep = s;
    return 0;
}

void storage_free(struct storage *s)
{
    if (!s)
        return;
    owner_assert(&s->thread);
    assert(s->n_jobs == 0);
    if (s->store.meta) {
        handle_pool_close_store(s->pool, &s->store);
        dirs_close(&s->pool->dirs, s->store.dir_fd);
    }
    books_deinit(&s->books);
    placement_free(s->placement);
    stamps_deinit(&s->stamps);
    ownership_deinit(&s->ownership);
    blame_deinit(&s->blame);
    events_deinit(&s->events);
    store_deinit(&s->store);
    if (s->lock_fd >= 0) {
        unlink(s->lock_path);
        io_close(s->lock_fd);
    }
    free(s->lock_path);
    free(s->resume_path);
    free(s->dir);
    free(s);
}

/* --- the end of a job ------------------------------------------------------------------------ */

int storage_finish(struct disk_job *head)
{
    struct job *job = container_of(head, struct job, head);
    struct storage *s = head->storage;
    int error = head->error;

    owner_assert(&s->thread);
    if (error)
        s->failed_file = job->failed_file;
    job->kind->finish(s, job);
    job_free(job);
    if (!s->books.doubtful.n_set) {
        s->checking_all = false;
        if (!s->n_jobs)
            check_end_pass(s);
    }
    return error;
}

bool storage_next_event(struct storage *s, struct storage_event *eventp)
{
    owner_assert(&s->thread);
    return events_take(&s->events, eventp);
}

uint8_t *storage_exchange_buffer(struct storage *s, uint32_t piece, uint8_t *data)
{
    struct partial *p = s->books.partials[piece];
    uint8_t *other;

    owner_assert(&s->thread);
    if (!p || p->state != PARTIAL_WAITING || p->buffer)
        return NULL;
    other = piece_buffers_exchange(s->books.buffers);
    if (other)
        p->buffer = data;
    return other;
}

/* --- queries --------------------------------------------------------------------------------- */

static void assert_thread(const struct storage *s)
{
    owner_assert((struct owner *)(uintptr_t)&s->thread);
}

void *storage_owner(const struct storage *s)
{
    assert_thread(s);
    return s->owner;
}

const struct bitfield *storage_have(const struct storage *s)
{
    assert_thread(s);
    return &s->books.have;
}

uint32_t storage_n_doubtful(const struct storage *s)
{
    assert_thread(s);
    return s->books.doubtful.n_set;
}

uint32_t storage_n_unhashed(const struct storage *s)
{
    assert_thread(s);
    return s->books.n_unhashed;
}

uint32_t storage_n_bad(const struct storage *s)
{
    assert_thread(s);
    return s->n_bad;
}

uint32_t storage_n_checked(const struct storage *s)
{
    assert_thread(s);
    return s->n_checked;
}

bool storage_needs_restat(const struct storage *s)
{
    assert_thread(s);
    return s->needs_restat;
}

bool storage_is_busy(const struct storage *s)
{
    assert_thread(s);
    return s->n_jobs > 0;
}

bool storage_has_block(const struct storage *s, uint32_t piece, uint32_t block)
{
    const struct partial *p = s->books.partials[piece];

    assert_thread(s);
    return p && bit_test(p->on_disk, block);
}

int storage_list_stored(const struct storage *s, struct stored_blocks *storedp)
{
    assert_thread(s);
    return books_list_stored(&s->books, storedp);
}

uint64_t storage_uploaded(const struct storage *s)
{
    assert_thread(s);
    return s->uploaded;
}

uint64_t storage_downloaded(const struct storage *s)
{
    assert_thread(s);
    return s->downloaded;
}

bool storage_failed_in_content(const struct storage *s)
{
    assert_thread(s);
    return s->failed_file < s->store.n_files;
}

static const char *describe_change(const struct storage *s)
{
    if (s->policy.seed_only)
        return "not every piece is on disk, and --seed-only downloads none";
    return s->failed_file < s->store.n_files && s->stamps.files &&
                   !s->stamps.files[s->failed_file].exists
               ? "was complete, and is gone (see --on-change)"
               : "was complete, and has changed (see --on-change)";
}

const char *storage_describe_error(struct storage *s, int error, char reason[STORAGE_REASON_MAX])
{
    const char *path = s->failed_file < s->store.n_files
                           ? metainfo_file(s->store.meta, s->failed_file)->path
                           : NULL;

    snprintf(reason, STORAGE_REASON_MAX, "%s%s%s: %s",
             s->failed_file == JOB_FILE_RESUME ? s->resume_path : s->dir, path ? "/" : "",
             path ? path : "",
             error == -EEXIST    ? "exists, and is not of this torrent (see --allow-overwrite)"
             : error == -EREMCHG ? describe_change(s)
             : error == -EMLINK  ? "another file of the torrent is the same file"
                                 : strerror(error < 0 ? -error : error));
    return reason;
}

int storage_lease(struct storage *s, uint32_t file, struct open_file **handlep)
{
    int r;

    owner_assert(&s->thread);
    if (file >= s->store.n_files)
        return -EINVAL;
    r = handle_pool_lease(s->pool, &s->store, file, FILE_READ, handlep);
    if (r)
        return storage_unservable(s, file, r == FILE_MISSING ? -ENOENT : r);
    if (!restat_knows_stamp(s, file) ||
        stamp_fits(&s->store, &s->stamps.files[file], (*handlep)->fd))
        return 0;
    handle_pool_return(s->pool, *handlep);
    return storage_unservable(s, file, -ESTALE);
}

/* Other errors than these are about the file: a lack of descriptors or memory is the process's. */
static bool is_of_process(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
}

int storage_unservable(struct storage *s, uint32_t file, int error)
{
    owner_assert(&s->thread);
    if (error == -ESTALE || error == -ENOENT) {
        restat_report_change(s, file);
        return -ESTALE;
    }
    if (is_of_process(error))
        return -EAGAIN;
    s->failed_file = file;
    return error;
}
