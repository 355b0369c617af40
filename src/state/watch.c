/* SPDX-License-Identifier: MIT */
/*
 * After an event of inotify the file itself is examined: whether it exists, and whether its stamp
 * has changed. So events that are lost, doubled or late do no harm.
 *
 * inotify reports nothing about a folder that is mounted over, or whose parent is moved; so each
 * poll compares the folder of that name with the one that is watched. Nor does it report changes by
 * another machine: a folder on a network file system is scanned regularly.
 */
#include "conjure/state/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/base/key_map.h"
#include "conjure/base/owner.h"
#include "conjure/base/sha1.h"

#define EVENTS                                                                          \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_CREATE | \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct watch {
    char *dir;
    const char *suffix;
    int inotify, wd;
    int dir_fd; /* -1: the folder cannot be read */
    uint64_t device, inode;
    int error, inotify_error;
    bool gone_reported, back_reported; /* these news were taken */
    struct key_map entries;
    struct watch_entry *first, *last; /* news */
    struct watch_entry *last_removed; /* of the last news: freed by the next watch_next */
    bool on_network;                  /* other machines may write to it */
    bool unsure;                      /* a file could not be examined: scan again */
    uint32_t n_postponed, n_polls;
    struct owner owner; /* of what changes it */
};

/* --- entries --------------------------------------------------------------------------------- */

static bool is_watched(const struct watch *w, const char *name)
{
    size_t n = strlen(name), n_suffix = strlen(w->suffix);

    return name[0] != '.' && n > n_suffix && !strcmp(name + n - n_suffix, w->suffix);
}

static struct watch_entry *find(const struct watch *w, const char *name)
{
    uint8_t key[SHA1_SIZE];

    sha1(name, strlen(name), key);
    return key_map_get(&w->entries, key);
}

static struct watch_entry *find_or_make(struct watch *w, const char *name)
{
    struct watch_entry *e = find(w, name);

    if (e)
        return e;
    e = NEW(struct watch_entry);
    e->name = mem_dup_string(name);
    sha1(name, strlen(name), e->key);
    key_map_put(&w->entries, e);
    return e;
}

static void free_entry(struct watch_entry *e)
{
    if (!e)
        return;
    free(e->name);
    free(e);
}

static void add_news(struct watch *w, struct watch_entry *e)
{
    if (e->pending)
        return;
    e->pending = true;
    e->next = NULL;
    *(w->last ? &w->last->next : &w->first) = e;
    w->last = e;
}

/* 0, -ENOENT when there is no such file, or another -errno when that is unknown. */
static int stamp_of(const struct watch *w, const char *name, struct watch_stamp *stamp)
{
    struct stat st;

    if (fstatat(w->dir_fd, name, &st, 0))
        return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
    if (!S_ISREG(st.st_mode))
        return -ENOENT;
    *stamp = (struct watch_stamp){
        .device = st.st_dev,
        .inode = st.st_ino,
        .size = (uint64_t)st.st_size,
        .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
        .ctime_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec,
    };
    return 0;
}

static bool stamp_equal(const struct watch_stamp *a, const struct watch_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

/* Finds out whether NAME exists, and whether it has changed. */
static void examine(struct watch *w, const char *name)
{
    struct watch_entry *e = find(w, name);
    struct watch_stamp stamp;
    int r = stamp_of(w, name, &stamp);

    if (r == -ENOENT && e && !e->removed) {
        e->removed = true;
        add_news(w, e);
    }
    if (r) {
        /* A failing disk, or a folder without search permission, removes no torrent. */
        w->unsure |= r != -ENOENT;
        if (e)
            e->seen = true;
        return;
    }
    if (!e)
        e = find_or_make(w, name);
    e->seen = true;
    if (!e->removed && stamp_equal(&e->stamp, &stamp))
        return;
    e->removed = false;
    e->stamp = stamp;
    add_news(w, e);
}

static void close_folder(struct watch *w, int error)
{
    if (w->wd >= 0)
        inotify_rm_watch(w->inotify, w->wd);
    if (w->dir_fd >= 0)
        close(w->dir_fd);
    w->wd = w->dir_fd = -1;
    w->error = error;
}

/* A folder that cannot be read counts as gone: the next poll opens it again. */
static void scan(struct watch *w)
{
    int fd = openat(w->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *d;
    int error;

    if (!dir) {
        close_folder(w, errno);
        if (fd >= 0)
            close(fd);
        return;
    }
    w->unsure = false;
    for (uint32_t i = 0; i < w->entries.n_slots; i++)
        if (w->entries.slots[i].value)
            ((struct watch_entry *)w->entries.slots[i].value)->seen = false;
    while (errno = 0, (d = readdir(dir)))
        if (is_watched(w, d->d_name))
            examine(w, d->d_name);
    error = errno;
    closedir(dir);
    if (error) {
        close_folder(w, error);
        return;
    }
    for (uint32_t i = 0; i < w->entries.n_slots; i++) {
        struct watch_entry *e = w->entries.slots[i].value;

        if (e && !e->seen)
            examine(w, e->name);
    }
}

/* --- the folder ------------------------------------------------------------------------------ */

static bool is_on_network(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs))
        return false;
    switch ((uint32_t)fs.f_type) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case CEPH_SUPER_MAGIC:
    case AFS_SUPER_MAGIC:
    case AFS_FS_MAGIC:
    case CODA_SUPER_MAGIC:
    case V9FS_MAGIC: /* a virtual machine's host */
    case FUSE_SUPER_MAGIC:
        return true;
    default:
        return false;
    }
}

static void open_folder(struct watch *w)
{
    struct stat st;

    w->dir_fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->dir_fd < 0 || fstat(w->dir_fd, &st)) {
        close_folder(w, errno);
        return;
    }
    w->device = st.st_dev;
    w->inode = st.st_ino;
    w->on_network = is_on_network(w->dir_fd);
    /* Before the scan: no change is lost between the two. */
    if (w->inotify >= 0) {
        w->wd = inotify_add_watch(w->inotify, w->dir, EVENTS);
        w->inotify_error = w->wd < 0 ? errno : 0;
    }
    scan(w);
}

/* Whether the folder of that name is still the one that is watched. */
static bool is_same_folder(const struct watch *w, int *errorp)
{
    struct stat st;

    *errorp = ENOENT;
    if (stat(w->dir, &st)) {
        *errorp = errno;
        return false;
    }
    return st.st_dev == w->device && st.st_ino == w->inode;
}

static void take_event(struct watch *w, const struct inotify_event *event, bool *scanp)
{
    struct stat st;

    if (event->mask & IN_Q_OVERFLOW) {
        *scanp = true;
        return;
    }
    if (event->wd != w->wd)
        return; /* of an earlier watch */
    if (event->mask & IN_IGNORED) {
        w->wd = -1;
        return;
    }
    if (!event->len || !is_watched(w, event->name))
        return;
    /* A new file is examined when it is closed; a link is complete now. */
    if (event->mask & IN_CREATE && (fstatat(w->dir_fd, event->name, &st, AT_SYMLINK_NOFOLLOW) ||
                                    (!S_ISLNK(st.st_mode) && st.st_nlink < 2)))
        return;
    if (event->mask & IN_ATTRIB && !find(w, event->name))
        return;
    examine(w, event->name);
}

static void read_events(struct watch *w)
{
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool must_scan = false;
    ssize_t n;

    while ((n = read(w->inotify, buffer, sizeof buffer)) > 0) {
        for (char *p = buffer; p < buffer + n;) {
            const struct inotify_event *event = (const struct inotify_event *)p;

            take_event(w, event, &must_scan);
            p += sizeof *event + event->len;
        }
    }
    if (must_scan && w->dir_fd >= 0)
        scan(w);
}

static void repeat_postponed(struct watch *w)
{
    if (!w->n_postponed)
        return;
    for (uint32_t i = 0; i < w->entries.n_slots; i++) {
        struct watch_entry *e = w->entries.slots[i].value;

        if (e && e->postponed) {
            e->postponed = false;
            add_news(w, e);
        }
    }
    w->n_postponed = 0;
}

void watch_poll(struct watch *w)
{
    int error;

    owner_assert(&w->owner);
    if (w->inotify >= 0)
        read_events(w);
    if (w->dir_fd >= 0 && !is_same_folder(w, &error))
        close_folder(w, error);
    if (w->dir_fd < 0)
        open_folder(w);
    else if ((w->wd < 0 || w->on_network || w->unsure) && ++w->n_polls % WATCH_RESCAN_POLLS == 0)
        scan(w);
    repeat_postponed(w);
}

/* --- the interface --------------------------------------------------------------------------- */

struct watch *watch_new(const char *dir, const char *suffix)
{
    struct watch *w = NEW(struct watch);

    w->dir = mem_dup_string(dir);
    w->suffix = suffix;
    w->entries = KEY_MAP(struct watch_entry, key);
    w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    w->inotify_error = w->inotify < 0 ? errno : 0;
    w->wd = w->dir_fd = -1;
    w->back_reported = true;
    open_folder(w);
    return w;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    close_folder(w, 0);
    if (w->inotify >= 0)
        close(w->inotify);
    free_entry(w->last_removed);
    for (uint32_t i = 0; i < w->entries.n_slots; i++)
        free_entry(w->entries.slots[i].value);
    key_map_deinit(&w->entries);
    free(w->dir);
    free(w);
}

int watch_fd(const struct watch *w)
{
    return w->inotify;
}

static enum watch_news folder_news(const struct watch *w)
{
    if (w->dir_fd < 0 && !w->gone_reported)
        return WATCH_FOLDER_GONE;
    if (w->dir_fd >= 0 && !w->back_reported)
        return WATCH_FOLDER_BACK;
    return WATCH_NOTHING;
}

bool watch_has_news(const struct watch *w)
{
    return folder_news(w) || w->first;
}

enum watch_news watch_next(struct watch *w, struct watch_entry **entryp)
{
    enum watch_news news = folder_news(w);
    struct watch_entry *e = w->first;

    owner_assert(&w->owner);
    free_entry(w->last_removed);
    w->last_removed = NULL;
    *entryp = NULL;
    if (news) {
        w->gone_reported = news == WATCH_FOLDER_GONE;
        w->back_reported = news == WATCH_FOLDER_BACK;
        return news;
    }
    if (!e)
        return WATCH_NOTHING;
    w->first = e->next;
    if (!w->first)
        w->last = NULL;
    e->pending = false;
    *entryp = e;
    if (!e->removed)
        return WATCH_FILE;
    w->n_postponed -= e->postponed;
    key_map_remove(&w->entries, e->key);
    w->last_removed = e;
    return WATCH_REMOVED;
}

void watch_postpone(struct watch *w, struct watch_entry *e)
{
    w->n_postponed += !e->postponed;
    e->postponed = true;
}

bool watch_is_settled(const struct watch *w, const struct watch_entry *e)
{
    struct watch_stamp stamp = {0};

    return w->dir_fd >= 0 && !stamp_of(w, e->name, &stamp) && stamp_equal(&stamp, &e->stamp);
}

struct watch_entry *watch_expect(struct watch *w, const char *name)
{
    struct watch_entry *e = find_or_make(w, name);

    e->removed = w->dir_fd < 0 || stamp_of(w, name, &e->stamp);
    return e;
}

bool watch_is_late(const struct watch *w, int *errorp)
{
    *errorp = w->inotify_error;
    return w->dir_fd >= 0 && w->inotify_error;
}

const char *watch_dir(const struct watch *w)
{
    return w->dir;
}

int watch_error(const struct watch *w)
{
    return w->error;
}

char *watch_path(const struct watch *w, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", w->dir, name) < 0)
        abort();
    return path;
}
