/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_PEER_INTERNAL_H
#define CONJURE_SRC_ACTORS_PEER_INTERNAL_H

#include "actors/peer/download.h"
#include "actors/peer/lease.h"
#include "actors/peer/quota.h"
#include "actors/peer/report.h"
#include "actors/peer/serve.h"
#include "conjure/actors/peer.h"

/* The part of a connection that exists only while a thread owns it. */
struct peer_work {
    struct peer_leases leases;
    struct peer_upload upload;
    struct peer_download download;
    struct peer_quota quotas[N_DIRECTIONS];
    struct peer_report report;
    uint64_t moved_ns; /* last time that content moved either way */
    bool yields;       /* other peers wait for a thread */
};

void peer_work_begin(struct peer *p, uint64_t now);
/* Frees it, and returns leases and quota. */
void peer_work_end(struct peer *p);

/* The owner closes P soon. REASON is a literal. */
static inline void peer_must_close(struct peer *p, const char *reason)
{
    p->must_close = true;
    p->reason = reason;
}

#endif
