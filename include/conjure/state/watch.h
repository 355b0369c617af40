/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_STATE_WATCH_H
#define CONJURE_STATE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/info_hash.h"

/*
 * Watches a folder for files with one suffix, and reports those that it finds, and which of them
 * were changed or removed. News are taken one at a time, so that the owner can take a few and
 * continue later.
 *
 * A file is news when it has been written whole (closed, or moved here), when the first scan finds
 * it, and when it has changed. Files whose names begin with a dot are ignored. When the kernel has
 * lost events, the folder is scanned again; when the kernel does not watch it (no inotify, or a
 * network file system that other machines may write to), watch_poll scans it every
 * WATCH_RESCAN_POLLS calls.
 *
 * A folder that disappears or cannot be read is news, and so is its return. Meanwhile its files do
 * not count as removed, and neither does a file that cannot be examined (no permission, a failing
 * disk). One thread; blocks on the disk.
 */
#define WATCH_RESCAN_POLLS 10

struct watch;

struct watch_stamp {
    uint64_t device, inode, size;
    int64_t mtime_ns, ctime_ns;
};

struct watch_entry {
    char *name; /* without the folder */
    /* The owner's, zero at first. */
    bool taken;
    struct info_hash info_hash;
    int error; /* why it could not be read: 0 or -errno */
    /* The watch's own. */
    uint8_t key[20]; /* of the name */
    struct watch_stamp stamp;
    struct watch_entry *next; /* among the news */
    bool pending, removed, postponed, seen;
};

enum watch_news {
    WATCH_NOTHING = 0,
    WATCH_FILE,        /* new or changed */
    WATCH_REMOVED,     /* the entry lives until the next call */
    WATCH_FOLDER_GONE, /* no entry; see watch_error */
    WATCH_FOLDER_BACK, /* no entry; news of its files follow */
};

/* Watches DIR (absolute) for files whose names end in SUFFIX, which is borrowed. A missing
 * folder is the first news. */
struct watch *watch_new(const char *dir, const char *suffix);
void watch_free(struct watch *w); /* NULL is fine */

/* A descriptor to poll for reading before watch_poll; -1: none. */
int watch_fd(const struct watch *w);
/* Collects news. Also to be called about once a second. */
void watch_poll(struct watch *w);

enum watch_news watch_next(struct watch *w, struct watch_entry **entryp);
/* Whether watch_next has any. */
bool watch_has_news(const struct watch *w);
/* Repeats the last news, of E, after the next watch_poll. */
void watch_postpone(struct watch *w, struct watch_entry *e);
/* Whether E has not changed since it became news; if it has, it will be news again. */
bool watch_is_settled(const struct watch *w, const struct watch_entry *e);
/* The owner has just written the file NAME: that is not reported. Returns its entry. */
struct watch_entry *watch_expect(struct watch *w, const char *name);

/* Whether the kernel refuses to watch, so that changes are found late; *ERRORP is the errno. */
bool watch_is_late(const struct watch *w, int *errorp);
const char *watch_dir(const struct watch *w);
/* The errno of the last failure to read the folder. */
int watch_error(const struct watch *w);
/* DIR/NAME, the caller's. */
char *watch_path(const struct watch *w, const char *name);

#endif
