/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_FOLDERS_H
#define CONJURE_SRC_ACTORS_MASTER_FOLDERS_H

#include <stdbool.h>

struct master;

/* The folders that a daemon's torrents come from. Before folders_open these do nothing. */

/* 0 or -errno, which is logged. */
int folders_open(struct master *m);
/* Looks for changes: when a descriptor is readable, and once a second. */
void folders_look(struct master *m);
/* Whether folders_work has something to do. */
bool folders_have_work(const struct master *m);
/* Starts and removes torrents, and writes the files of known ones, for a few milliseconds. */
void folders_work(struct master *m);
/* The descriptors to poll for reading; -1: none. */
void folders_fds(const struct master *m, int *knownp, int *watchedp);
/* Writes the files that are due. */
void folders_close(struct master *m);

#endif
