/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_FS_H
#define CONJURE_ACTORS_FS_H

#include "conjure/msg/fs.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/master.h"

/*
 * FS: all requests to the disk. It keeps the books of the storages of all torrents, and has their
 * jobs run by a pool of workers.
 */
struct fs;

/* Up to N_WORKERS (1 or more) threads run the jobs; at most N_HANDLES files that no job uses stay
 * open. MASTER receives failures and the progress of checks, LOBBY the peers to ban. NULL with
 * errno set. */
struct fs *fs_start(struct master_inbox *master, struct lobby_inbox *lobby, unsigned n_workers,
                    unsigned n_handles);
struct fs_inbox *fs_inbox(struct fs *fs);
void fs_join(struct fs *fs);

#endif
