/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_WORKER_H
#define CONJURE_MSG_WORKER_H

#include "conjure/msg/table.h"

struct disk_job;

/* The inbox of one worker of the FS pool. */
/* clang-format off */
#define WORKER_TABLE(INFO, QUERY, REPLY)                                                           \
    QUERY(worker, run, Run, "run these jobs; each carries its result",                             \
          struct disk_job *job; /* a list, owned by FS */                                          \
          uint32_t worker; /* FS's number of the worker, unchanged */)                             \
    QUERY(worker, shutdown, Shutdown, "end", )
/* clang-format on */

MSG_INBOX(worker, WORKER_TABLE);

#endif
