/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_JOB_H
#define CONJURE_SRC_FS_JOB_H

#include <stdatomic.h>

#include "conjure/fs/disk_job.h"
#include "conjure/fs/handle_pool.h"
#include "fs/store.h"

/*
 * The common part of all jobs. Each kind of job is a file. Its prepare function decides, on FS's
 * thread, and makes the job; the rest stands in one table:
 *
 *   slot      thread   a failure means
 *   joins     worker   cannot fail
 *   run       worker   head.error and failed_file say what; nothing is booked or freed
 *   finish    FS       cannot fail: books what RUN has done; the rest counts as not done
 *   deinit    FS       cannot fail; after FINISH, or a prepare that failed halfway
 *
 * RUN touches the memory of its own jobs and the immutable store, nothing else.
 */
struct job;

struct job_kind {
    enum disk_job_kind kind;
    /* Whether NEXT can be run in one call with the N jobs of this kind from FIRST on. NULL:
     * never. */
    bool (*joins)(const struct job *first, unsigned n, const struct job *next);
    /* Runs N jobs of a list. */
    void (*run)(struct job *first, unsigned n, struct disk_scratch *scratch);
    void (*finish)(struct storage *s, struct job *job);
    void (*deinit)(struct job *job); /* frees members of the kind; NULL: none */
};

#define JOB_FILE_NONE     UINT32_MAX
#define JOB_FILE_RESUME   (UINT32_MAX - 1) /* the resume file */
#define JOB_SCRATCH_BYTES (512u * 1024)

/* An extent, the open file, and the bytes to be written. */
struct job_range {
    struct extent extent;
    struct open_file *handle; /* leased; NULL: the worker opens the file itself */
    const uint8_t *bytes;     /* to be written there; or NULL */
    uint64_t inode;           /* after writing: of the file (stamps.h) */
};

/* The first member of each kind's struct. */
struct job {
    struct disk_job head;
    const struct job_kind *kind;
    const struct store *store;
    uint32_t failed_file; /* which file head.error is about, JOB_FILE_RESUME or JOB_FILE_NONE */
    struct job_range *ranges;
    size_t n_ranges, room;
    _Atomic bool cancelled; /* by FS's thread, while a worker runs the job */
};

/* The worker of a check, an open or a restat job. */
static inline bool job_is_cancelled(const struct job *job)
{
    return atomic_load_explicit(&job->cancelled, memory_order_relaxed);
}

/* FS's thread. A job of SIZE bytes, all 0 but for the head. */
struct job *job_new(struct storage *s, const struct job_kind *kind, size_t size);
/* FS's thread. Returns leases too. */
void job_free(struct job *job);

/* How a job gets its open files. */
enum job_leases {
    JOB_LEASES,       /* from the pool, for a bounded number of ranges */
    JOB_OPENS_ITSELF, /* the worker opens them */
};
/* FS's thread. Adds the extents of content [AT, AT + LENGTH). BYTES: to be written there, or NULL
 * to read. 0 or -errno. */
int job_add_ranges(struct job *job, uint64_t at, uint32_t length, enum padding padding,
                   const uint8_t *bytes, enum job_leases leases);

/* The next job of a list; NULL at its end. */
struct job *job_next(const struct job *job);

#endif
