/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_STATE_WATCH_H
#define CONJURE_STATE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/info_hash.h"

/*
 * A folder that is watched for files of one kind: which are there, which are new or changed, which
 * are gone. News come in an order, one at a time, so that the owner can take a few and go on later.
 *
 * A file is news when it has been written whole (closed, or moved here), when it was found by the
 * first scan, and when it is not as it was last time. Files whose names begin with a dot are nobody's
 * business. When the kernel has lost events, everything is looked at again; when it does not watch
 * (no inotify, or a network file system that others may write to), watch_look does so every
 * WATCH_RESCAN_LOOKS calls.
 *
 * A folder that goes away or cannot be read is news, and so is its coming back; until then its files count
 * as there. So does a file that cannot be looked at (no permission, a disk that fails). One thread.
 */
#define WATCH_RESCAN_LOOKS 10

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
    int error; /* that kept it from being taken */
    /* The watch's own. */
    uint8_t key[20]; /* of the name */
    struct watch_stamp stamp;
    struct watch_entry *next; /* among the news */
    bool pending, gone, postponed, seen;
};

enum watch_news {
    WATCH_NOTHING,
    WATCH_FILE,        /* new, or not as it was */
    WATCH_REMOVED,     /* the entry lives until the next call */
    WATCH_FOLDER_GONE, /* no entry; watch_error says why */
    WATCH_FOLDER_BACK, /* no entry; what is in it follows */
};

/* Watches DIR (absolute) for files whose names end in SUFFIX, which is not copied. A folder that is
 * not there is no error but the first news. */
struct watch *watch_new(const char *dir, const char *suffix);
void watch_free(struct watch *w); /* NULL is fine */

/* To be polled for reading, and then watch_look is called; -1: none. */
int watch_fd(const struct watch *w);
/* Takes what the system has to say. Also to be called about once a second. */
void watch_look(struct watch *w);

enum watch_news watch_next(struct watch *w, struct watch_entry **entryp);
/* Whether watch_next has something to say. */
bool watch_has_news(const struct watch *w);
/* E was in the last news, and is to be so once more, after the next watch_look. */
void watch_postpone(struct watch *w, struct watch_entry *e);
/* Whether E is still as it was when it became news; if not, it will be so again. */
bool watch_is_settled(const struct watch *w, const struct watch_entry *e);
/* The owner has just written NAME itself: that is no news. Returns its entry. */
struct watch_entry *watch_expect(struct watch *w, const char *name);

/* Whether the kernel refuses to watch, so that changes are found late; *ERRORP is why, an errno. */
bool watch_is_late(const struct watch *w, int *errorp);
const char *watch_dir(const struct watch *w);
/* The last reason why the folder cannot be watched: an errno. */
int watch_error(const struct watch *w);
/* DIR/NAME, the caller's. */
char *watch_path(const struct watch *w, const char *name);

#endif
