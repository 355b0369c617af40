/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_INTERNAL_H
#define CONJURE_SRC_FS_INTERNAL_H

#include "conjure/base/owner.h"
#include "conjure/fs/storage.h"
#include "fs/blame.h"
#include "fs/books.h"
#include "fs/events.h"
#include "fs/job.h"
#include "fs/ownership.h"
#include "fs/placement.h"
#include "fs/stamps.h"
#include "fs/store.h"

/* The resume file on disk. */
struct saved {
    uint8_t digest[SHA1_SIZE];
    bool exists; /* of this torrent, with that digest */
};

/* Shared by storage.c and the files of the kinds of jobs. FS's thread owns it, except that the open
 * job owns the books, the placement, the stamps and the ownership while it runs. */
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
    struct ownership ownership;
    bool unmade; /* the make job has to run before the first write */
    struct blame blame;
    struct events events;
    uint32_t n_jobs;      /* prepared and not finished */
    uint32_t n_writes;    /* of them: write jobs */
    uint32_t failed_file; /* which file the last error is about; as job.h has it */
    /* The check. */
    uint32_t check_at; /* the next slot to be given to a job */
    uint32_t n_checked, n_bad;
    bool checking_all; /* at the user's request; not ended yet */
    /* Resume data. */
    struct saved saved;
    bool saving; /* a save job is under way; it reads the stamps of unsynced files */
    uint64_t uploaded, downloaded;
    bool refuse_lost, trusting;
    struct write_policy policy;
    uint32_t shared_file; /* the same one as another file: nothing is written; or STAMPS_NONE */
    /* The stamps are those of the resume data, and were not compared with the files yet. */
    bool needs_restat;
};

/* --- kinds of jobs (job.h) ------------------------------------------------------------------- */

extern const struct job_kind open_kind, make_kind, write_kind, hash_kind, check_kind, save_kind,
    restat_kind;

/* check.c: ends a pass: all doubtful slots were read, and no job is under way. */
void check_end_pass(struct storage *s);
/* restat.c: whether only another program can have changed the stamp of FILE that s->stamps has.
 * False until resume data has all that we wrote to it. */
bool restat_knows_stamp(const struct storage *s, uint32_t file);
/* restat.c: another program has changed FILE: reports it, and that no piece of it is claimed. */
void restat_report_change(struct storage *s, uint32_t file);

#endif
