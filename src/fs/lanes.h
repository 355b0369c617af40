/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_LANES_H
#define CONJURE_SRC_FS_LANES_H

#include "fs/job.h"

/* Jobs that hash pieces of one size side by side, a lane for each: hash.c and check.c. */

enum lane_result {
    LANE_GOOD,
    LANE_BAD,        /* read whole, but its hash differs */
    LANE_MISSING,    /* a file is missing or too short */
    LANE_UNREADABLE, /* a check: the disk has lost a sector of it */
    LANE_ERROR,      /* the job failed */
    LANE_CANCELLED,
};

struct lane {
    uint32_t piece;
    uint32_t slot;           /* the piece is read from there */
    const uint8_t *expected; /* NULL: only the digest is wanted */
    const uint8_t *bytes;    /* the piece in memory, until the job is finished; NULL: it is read */
    bool digest_if_bad, digest_if_good; /* also a digest of each block */
    size_t first_range;
    /* After running. */
    enum lane_result result;
    uint32_t failed_file; /* LANE_UNREADABLE: in which the sector is */
    uint8_t digest[SHA1_SIZE];
    uint8_t (*digests)[SHA1_SIZE]; /* those of blocks, owned; NULL without memory */
};

struct lane_job {
    struct job job;
    struct lane lanes[SHA1_LANES_MAX];
    unsigned n_lanes;
    uint32_t lane_size; /* bytes */
    bool gently;        /* see gentle.h */
};

static inline struct lane_job *lane_job_of(const struct job *job)
{
    return (struct lane_job *)(void *)(uintptr_t)job;
}

/* FS's thread. Adds a copy of LANE, and its ranges. 0 or -errno. */
int lanes_add(struct lane_job *lanes, const struct lane *lane, enum job_leases leases);
/* For the table of a kind (job.h). */
bool lanes_join(const struct job *first, unsigned n, const struct job *next);
void lanes_run(struct job *first, unsigned n_jobs, struct disk_scratch *scratch);
void lanes_deinit(struct job *job);

#endif
