/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_FS_DIRS_H
#define CONJURE_FS_DIRS_H

#include <sys/types.h>

#include "conjure/base/list.h"

/*
 * Download folders that are open, each once, whatever number of torrents is in it: a thousand
 * torrents need one descriptor. A folder is known by its device and inode, since another one may
 * have its path by now (a disk was mounted there). One thread.
 */
struct dirs {
    struct list open;
};

void dirs_init(struct dirs *f);
void dirs_deinit(struct dirs *f); /* all must have been closed */

/* Opens the folder PATH; makes it when it is missing, but not its parents. 0 or -errno. */
int dirs_open(struct dirs *f, const char *path, int *fdp);
/* FD is of dirs_open. */
void dirs_close(struct dirs *f, int fd);

#endif
