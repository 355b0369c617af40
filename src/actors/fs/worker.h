/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_WORKER_H
#define CONJURE_SRC_ACTORS_FS_WORKER_H

#include "conjure/msg/worker.h"

/* One thread of FS's pool: runs the jobs that it is sent, one list after the other. */
struct worker;

enum worker_role {
    WORKER_DISK,
    /* Gives way to all other threads, at the processor and at the disk, for good: an ordinary user
     * cannot take that back. */
    WORKER_CHECKER,
};

/* NULL with errno set. */
struct worker *worker_start(unsigned number, enum worker_role role);
struct worker_inbox *worker_inbox(struct worker *w);
/* After the reply to its Shutdown. */
void worker_join(struct worker *w);

#endif
