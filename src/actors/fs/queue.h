/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_QUEUE_H
#define CONJURE_SRC_ACTORS_FS_QUEUE_H

#include "actors/fs/internal.h"

/* Workers, and the jobs that wait for one. */

struct fs_worker *fs_queue_find_idle(struct fs_worker *workers, unsigned n); /* or NULL */
/* Whether a worker that is no checker is idle. */
bool fs_queue_has_idle(const struct fs *self);
/* Sends JOB, or the list that begins with it, to W, which is idle. */
void fs_queue_give(struct fs *self, struct fs_worker *w, struct disk_job *job);
/* The same to a worker that is no checker; one of them has to be idle. */
void fs_queue_give_to_worker(struct fs *self, struct disk_job *job);
/* Sends JOB to an idle worker that is no checker, or appends it to the queue. */
void fs_queue_add(struct fs *self, struct disk_job *job);
/* Takes the first job that may run, with those that can be done together with it; or NULL. */
struct disk_job *fs_queue_take(struct fs *self);

#endif
