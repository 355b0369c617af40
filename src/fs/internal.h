/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_INTERNAL_H
#define CONJURE_SRC_FS_INTERNAL_H

#include "conjure/base/owner.h"
#include "conjure/fs/storage.h"
#include "fs/blame.h"
#include "fs/books.h"
#include "fs/events.h"
#include "fs/job.h"
#include "fs/placement.h"
#include "fs/stamps.h"
#include "fs/store.h"

/* The resume file on disk. */
struct saved {
    uint8_t digest[SHA1_SIZE];
    bool exists; /* there is one, of this torrent, with that digest */
};

/* Shared by the files of the kinds of jobs and storage.c. Belongs to FS's thread; while the open
 * job runs, that has the books, the placement and the stamps. */
struct storage {
    struct owner thread;
    struct store store; /* immutable: workers read it */
    struct handle_pool *pool;
    void *owner;
    char *dir, *resume_path, *lock_path;
    int lock_fd;
    struct books books;
    struct placement *placement;
    struct stamps stamps;
    struct blame blame;
    struct events events;
    uint32_t n_jobs;      /* prepared and not finished */
    uint32_t failed_file; /* which file the last error is about, or JOB_FILE_NONE */
    /* The check. */
    uint32_t check_at; /* slots before it were given to jobs */
    uint32_t n_checked, n_bad;
    bool checking_all; /* as the user asked, and not ended yet */
    /* Resume data. */
    struct saved saved;
    bool saving; /* a save job is under way, which will know the stamps of unsynced files */
    uint64_t uploaded, downloaded;
    bool refuse_lost, trusting;
    bool
        needs_restat; /* stamps are those of the resume data, and not compared with the files yet */
};

/* --- kinds of jobs (job.h) ------------------------------------------------------------------- */

extern const struct job_kind open_kind, write_kind, hash_kind, check_kind, save_kind, restat_kind;

/* check.c: all that was doubtful has been read, and no job is under way. */
void check_end_pass(struct storage *s);
/* restat.c: whether FILE has the stamp in s->stamps unless another program has touched it. Not
 * before resume data says what we have written. */
bool restat_knows_stamp(const struct storage *s, uint32_t file);

#endif
