/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_FS_WORKER_H
#define CONJURE_SRC_ACTORS_FS_WORKER_H

#include "conjure/msg/worker.h"

/* One thread of the FS pool: runs one job after another and knows nothing but them. */
struct worker;

/* NULL when there is no thread to be had. POLITE: it gives way to all other threads, at the processor and
 * at the disk, for good: an ordinary user cannot take that back. */
struct worker *worker_start(unsigned number, bool polite);
struct worker_inbox *worker_inbox(struct worker *w);
/* After its shutdown query is home. */
void worker_join(struct worker *w);

#endif
