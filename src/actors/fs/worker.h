/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_WORKER_H
#define CONJURE_SRC_ACTORS_FS_WORKER_H

#include "conjure/msg/worker.h"

/* One thread of FS's pool: runs the jobs that it is sent, one list after the other. */
struct worker;

enum worker_role {
    WORKER_DISK,
    /* Has the lowest priority for the processor and the disk. It keeps it: an ordinary user cannot
     * raise a priority again. */
    WORKER_CHECKER,
};

/* NULL with errno set. */
struct worker *worker_start(unsigned number, enum worker_role role);
struct worker_inbox *worker_inbox(struct worker *w);
/* After the reply to its Shutdown. */
void worker_join(struct worker *w);

#endif
