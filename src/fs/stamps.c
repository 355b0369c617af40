/* SPDX-License-Identifier: MIT */
#include "fs/stamps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct file_stamp stamp_of(const struct store *store, const struct stat *st)
{
    return (struct file_stamp){true, (uint64_t)st->st_size,
                               (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
                               store->stable_inodes ? st->st_ino : 0};
}

bool stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->exists == b->exists && a->size == b->size && a->mtime_ns == b->mtime_ns &&
           (a->inode == b->inode || !a->inode || !b->inode);
}

bool stamp_fits(const struct store *store, const struct file_stamp *stamp, int fd)
{
    struct file_stamp now;
    struct stat st;

    if (fstat(fd, &st))
        return false;
    now = stamp_of(store, &st);
    return stamp_equal(&now, stamp);
}

uint64_t stamp_inode(const struct store *store, int fd)
{
    struct stat st;

    return store->stable_inodes && !fstat(fd, &st) ? st.st_ino : 0;
}

int stamp_read(const struct store *store, uint32_t file, struct file_stamp *stampp)
{
    char buffer[STORE_PATH_MAX];
    struct stat st;

    *stampp = (struct file_stamp){0};
    if (fstatat(store->dir_fd, store_path(store, file, buffer), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    if (S_ISREG(st.st_mode))
        *stampp = stamp_of(store, &st);
    return 0;
}

int stamps_read_all(const struct store *store, struct file_stamp *stamps,
                    const _Atomic bool *cancelled)
{
    int r = 0;

    for (uint32_t file = 0; file < store->n_files && !r; file++) {
        if (cancelled && atomic_load_explicit(cancelled, memory_order_relaxed))
            return -ECANCELED;
        r = stamp_read(store, file, &stamps[file]);
    }
    return r;
}

static int compare_inodes(const void *a, const void *b, void *arg)
{
    const struct file_stamp *stamps = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (stamps[x].inode != stamps[y].inode)
        return stamps[x].inode < stamps[y].inode ? -1 : 1;
    return (x > y) - (x < y);
}

/* Equal inode numbers on two disks are not one file. */
static bool is_one_file(const struct store *store, uint32_t a, uint32_t b)
{
    char path[STORE_PATH_MAX];
    struct stat x, y;

    return !fstatat(store->dir_fd, store_path(store, a, path), &x, AT_SYMLINK_NOFOLLOW) &&
           !fstatat(store->dir_fd, store_path(store, b, path), &y, AT_SYMLINK_NOFOLLOW) &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int stamps_find_shared(const struct store *store, const struct file_stamp *stamps, uint32_t *filep)
{
    uint32_t *files = malloc(((size_t)store->n_files + 1) * sizeof *files), n = 0;

    *filep = STAMPS_NONE;
    if (!files)
        return -ENOMEM;
    for (uint32_t file = 0; file < store->n_files; file++)
        if (stamps[file].inode && metainfo_file(store->meta, file)->length)
            files[n++] = file;
    qsort_r(files, n, sizeof *files, compare_inodes, (void *)(uintptr_t)stamps);
    for (uint32_t i = 1; i < n && *filep == STAMPS_NONE; i++)
        if (stamps[files[i]].inode == stamps[files[i - 1]].inode &&
            is_one_file(store, files[i - 1], files[i]))
            *filep = files[i];
    free(files);
    return 0;
}

int stamps_init(struct stamps *s, uint32_t n_files)
{
    s->files = calloc((size_t)n_files + 1, sizeof *s->files);
    s->unsynced = calloc((size_t)n_files + 1, sizeof *s->unsynced);
    s->written = calloc((size_t)n_files + 1, sizeof *s->written);
    return s->files && s->unsynced && s->written ? 0 : -ENOMEM;
}

void stamps_deinit(struct stamps *s)
{
    free(s->files);
    free(s->unsynced);
    free(s->written);
    *s = STAMPS_EMPTY;
}

enum stamps_verdict stamps_note_written(struct stamps *s, uint32_t file, uint64_t inode)
{
    bool replaced = inode && s->written[file] && s->written[file] != inode;

    s->unsynced[file] |= UNSYNCED_WRITTEN;
    if (inode)
        s->written[file] = inode;
    if (!replaced || s->unsynced[file] & UNSYNCED_FAILED)
        return STAMPS_SAME;
    s->unsynced[file] |= UNSYNCED_FAILED;
    return STAMPS_REPLACED;
}

void stamps_mark(struct stamps *s, const struct store *store, uint8_t mark, uint32_t slot,
                 uint32_t size, enum padding padding)
{
    uint64_t at = (uint64_t)slot * store->piece_length, end = at + size;
    struct extent e;

    while (store_next_extent(store, &at, end, padding, &e))
        if (e.file != STORE_PADDING)
            s->unsynced[e.file] |= mark;
}
