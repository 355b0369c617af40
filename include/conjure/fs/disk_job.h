/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_FS_DISK_JOB_H
#define CONJURE_FS_DISK_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/sha1.h"

/*
 * A piece of work on the disk, made by a storage_prepare function and ended by storage_finish.
 * Between the two a worker runs it: a job carries all that it needs (descriptors, ranges, buffers),
 * so several jobs of a storage can run at a time.
 */
struct storage;

enum disk_job_kind {
    DISK_OPEN,   /* read resume data and stamps, and do the same as DISK_MAKE where it may */
    DISK_MAKE,   /* make zero-length files, reserve room (full) */
    DISK_WRITE,  /* write received blocks, and move pieces (compact) */
    DISK_HASH,   /* hash received pieces */
    DISK_CHECK,  /* hash doubtful pieces */
    DISK_SAVE,   /* sync written files, then write resume data */
    DISK_RESTAT, /* compare the stamps of all files with resume data */
};

struct disk_job {
    enum disk_job_kind kind;
    int error; /* after running: 0 or -errno */
    struct storage *storage;
    void *owner;           /* the preparer's */
    struct disk_job *next; /* in queues and lists of the preparer */
};

/* Memory that jobs read into; one per worker, kept between jobs. */
struct disk_scratch {
    uint8_t *bytes;
    struct sha1_streams streams;
};
#define DISK_SCRATCH_EMPTY ((struct disk_scratch){0})

/* --- for workers ----------------------------------------------------------------------------- */

/* Runs a list of jobs, each of which the calling thread has alone. Neighbours of one kind are run
 * together where that is cheaper: hashes of one size, saves. Blocks on the disk. */
void disk_jobs_run(struct disk_job *first, struct disk_scratch *scratch);
void disk_scratch_deinit(struct disk_scratch *x); /* safe twice */

/* --- for the thread of the storage ----------------------------------------------------------- */

/* Ends a check, open or restat job soon, while a worker runs it: pieces that are not hashed yet
 * stay doubtful, and an open or a restat fails by -ECANCELED. Others are not ended. */
void disk_job_cancel(struct disk_job *job);
/* How many pieces a hash or check job reads. */
unsigned disk_job_n_pieces(const struct disk_job *job);
/* Whether JOB writes all blocks of a piece, so that its buffer holds the whole piece. */
bool disk_job_is_whole_piece(const struct disk_job *job);

#endif
