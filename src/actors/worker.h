/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_WORKER_H
#define CONJURE_ACTORS_WORKER_H

#include "conjure/msg/worker.h"

/* One thread of the FS pool: runs one job after another and knows nothing but them. */
struct worker;

struct worker *worker_start(unsigned number); /* NULL when there is no thread to be had */
struct worker_inbox *worker_inbox(struct worker *w);
/* After its shutdown query is home. */
void worker_join(struct worker *w);

#endif
