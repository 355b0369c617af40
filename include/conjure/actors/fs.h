/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_FS_H
#define CONJURE_ACTORS_FS_H

#include "conjure/msg/fs.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/master.h"

/*
 * FS: all requests to the disk. It multiplexes the storages of all torrents onto a pool of workers
 * and keeps their books; workers only read, write and hash.
 */
struct fs;

/* N_WORKERS (1 or more) threads run the jobs; at most N_HANDLES files are kept open. MASTER hears of
 * failures and of the progress of checks, LOBBY of liars. NULL when threads cannot be started. */
struct fs *fs_start(struct master_inbox *master, struct lobby_inbox *lobby, unsigned n_workers,
                    unsigned n_handles);
struct fs_inbox *fs_inbox(struct fs *fs);
void fs_join(struct fs *fs);

#endif
