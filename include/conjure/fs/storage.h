/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_FS_STORAGE_H
#define CONJURE_FS_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/addr.h"
#include "conjure/base/bitfield.h"
#include "conjure/base/sha1.h"
#include "conjure/fs/allocation.h"
#include "conjure/fs/handle_pool.h"
#include "conjure/piece/stored_blocks.h"
#include "conjure/torrent/metainfo.h"

/*
 * One torrent's content on disk: which blocks are there, which pieces are verified, who sent what.
 *
 * Every operation on the disk has three steps. PREPARE and FINISH belong to the owner of the storage
 * (FS, one thread): they decide and keep the books, and touch the disk only to open files. RUN does
 * the reading, writing and hashing; any thread may run a job, several jobs at a time, since a job
 * carries all that it needs: descriptors, ranges, buffers.
 *
 *     if (storage_prepare_write(s, ..., &job) == 0 && job) {
 *         disk_job_run(job, &scratch);
 *         error = storage_finish(job);
 *         while (storage_next_event(s, &event)) ...
 *     }
 *
 * A prepare function returns 0 with a job, 0 with NULL when there is nothing to do, STORAGE_BUSY
 * when it has to wait for a job under way (try again after the next storage_finish of this storage),
 * or -errno.
 */

enum {
    STORAGE_BUSY = 1,
};

struct storage;
struct handle_pool;

struct storage_config {
    const struct metainfo *meta; /* outlives the storage */
    const char *dir;             /* download folder; made when missing (but not its parents) */
    const char *resume_path;     /* or NULL: no resume data and no lock */
    enum allocation allocation;
    const bool *skip_file; /* one per file, copied: not wanted; NULL: all are wanted */
    void *owner;           /* for storage_owner */
    bool refuse_lost; /* the open job fails (-ENOENT) when resume data vouches for pieces and all of
                         their files are gone: a disk that is not mounted is no empty one */
    bool
        trusting; /* when resume data vouches for every piece the open job looks at one file only; the
                         others are to be looked at later, by storage_prepare_look */
};

#define STORAGE_REASON_MAX 256

/* Opens the download folder and locks the torrent against other processes (-EBUSY when one has it).
 * REASON is one line for people when that fails. Nothing is known about the disk until the open
 * job has been finished. */
int storage_new(const struct storage_config *config, struct handle_pool *pool,
                struct storage **storagep, char reason[STORAGE_REASON_MAX]);
/* No job may be under way, and leases must be back. NULL is fine. */
void storage_free(struct storage *s);
void *storage_owner(const struct storage *s);

/* --- jobs ------------------------------------------------------------------------------------ */

/* Memory that jobs read into; one per worker, kept. */
struct disk_scratch {
    uint8_t *bytes;
    struct sha1_streams streams;
};
#define DISK_SCRATCH_EMPTY ((struct disk_scratch){0})
void disk_scratch_deinit(struct disk_scratch *x);

enum disk_job_kind {
    DISK_OPEN,   /* read resume data, look at files, make zero-length ones, reserve room (full) */
    DISK_WRITE,  /* received blocks, and moves of pieces (compact) */
    DISK_HASH,   /* read pieces back and compare */
    DISK_RESUME, /* sync what was written, then write resume data */
    DISK_LOOK,   /* whether every file is as resume data has it */
};

struct disk_job {
    enum disk_job_kind kind;
    struct storage *storage;
    int error;             /* after running: 0 or -errno */
    void *owner;           /* whoever prepared it */
    struct disk_job *next; /* for queues of the owner */
};

/* Runs a list of jobs; hashes are taken together, and so are saves, as far as they are neighbours. */
void disk_jobs_run(struct disk_job *first, struct disk_scratch *scratch);
/* Lets a hash job that runs elsewhere end soon: what it has not hashed stays as it was. */
void disk_job_cancel(struct disk_job *job);
/* Draws the consequences, frees JOB and returns its error. */
int storage_finish(struct disk_job *job);

/* Whether a write puts a whole piece on disk that nobody else wrote a block of. */
bool disk_job_is_whole_piece(const struct disk_job *job);
/* The pieces of a hash job, in the order of its lanes. */
unsigned disk_job_n_pieces(const struct disk_job *job);
uint32_t disk_job_piece(const struct disk_job *job, unsigned lane);
/* Lets a lane be hashed from memory: BYTES are all of its piece, as it was written, and stay there
 * until the job is finished. */
void disk_job_use_bytes(struct disk_job *job, unsigned lane, const uint8_t *bytes);

/* The first job. Afterwards storage_have and storage_n_doubtful mean something. */
int storage_prepare_open(struct storage *s, struct disk_job **jobp);

/* Received blocks: bit i of BLOCKS says that DATA holds block FIRST_BLOCK + i, at i * BLOCK_SIZE.
 * DATA stays the caller's and untouched until the job is finished. What is on disk already is left
 * out. FROM is who sent them. -EINVAL when there are no such blocks. */
int storage_prepare_write(struct storage *s, uint32_t piece, uint32_t first_block,
                          uint32_t n_blocks, uint64_t blocks, const uint8_t *data,
                          const struct addr *from, struct disk_job **jobp);

/* Pieces whose blocks are all on disk and that wait for their hash. */
uint32_t storage_n_unhashed(const struct storage *s);
/* Takes up to MAX (at most SHA1_LANES_MAX) of them. */
int storage_prepare_hash(struct storage *s, unsigned max, struct disk_job **jobp);

/* Starts a check of the doubtful pieces, or of all that can be on disk; how many these are. A check of
 * all that an earlier run of the program has begun, as resume data tells, goes on where it was.
 * Not while other jobs than checks are under way. */
uint32_t storage_begin_check(struct storage *s, bool all);
/* The next pieces of the check, all of one size; NULL when all have been given out. */
int storage_prepare_check(struct storage *s, unsigned max, struct disk_job **jobp);
/* How many bytes the next of them has; 0: there is none. */
uint32_t storage_next_check_size(struct storage *s);
/* Pieces that were whole on disk and wrong, in the check so far. */
uint32_t storage_n_bad(const struct storage *s);
uint32_t storage_n_checked(const struct storage *s);

/* UPLOADED and DOWNLOADED are the torrent's totals in bytes, CLEAN that it is being closed. */
int storage_prepare_resume(struct storage *s, uint64_t uploaded, uint64_t downloaded, bool clean,
                           struct disk_job **jobp);

/* For STORAGE_CHANGED. NULL as long as there is no state of every file to compare with: a piece is missing,
 * or what was written is not in the resume data yet. */
int storage_prepare_look(struct storage *s, struct disk_job **jobp);

/* --- what happened --------------------------------------------------------------------------- */

enum storage_event_kind {
    STORAGE_COMPLETED, /* piece: verified and at its place */
    STORAGE_FAILED,    /* piece: wrong, all its blocks are missing again */
    STORAGE_GUILTY,    /* addr: sent wrong data (of piece) */
    STORAGE_CHANGED, /* file: somebody else has written to it, or taken it away; nothing else is done */
};
struct storage_event {
    enum storage_event_kind kind;
    uint32_t piece; /* or file */
    struct addr addr;
};
/* Takes the next event; false when there is none. */
bool storage_next_event(struct storage *s, struct storage_event *eventp);

/* --- what is known --------------------------------------------------------------------------- */

const struct bitfield *storage_have(const struct storage *s); /* verified, at their places */
uint32_t storage_n_doubtful(const struct storage *s);
/* Whether the open job has left files for storage_prepare_look. */
bool storage_has_trusted(const struct storage *s);
bool storage_is_busy(const struct storage *s); /* some job is under way */
/* Blocks of an unverified PIECE on disk: whether block BLOCK is. */
bool storage_has_block(const struct storage *s, uint32_t piece, uint32_t block);
/* All such blocks, and those of verified pieces that are not at their places yet (compact), but none
 * that is being written. *STOREDP is the caller's, and is empty on failure. 0 or -ENOMEM. */
int storage_list_stored(const struct storage *s, struct stored_blocks *storedp);
/* As the resume data had them at opening. */
uint64_t storage_uploaded(const struct storage *s);
uint64_t storage_downloaded(const struct storage *s);
/* Whether the last error was about a file of the content, and not about resume data. */
bool storage_failed_in_content(const struct storage *s);
/* One line for people about a disk error of this storage: which file, what the system says. */
const char *storage_describe_error(struct storage *s, int error, char reason[STORAGE_REASON_MAX]);

/* An open FILE to serve verified pieces from, at the offsets of the file (a file that is not wanted
 * lends its part file). Returned by handle_pool_return. 0, FILE_MISSING or -errno; -ESTALE, and
 * STORAGE_CHANGED, when it is not the file that was verified. */
int storage_lease(struct storage *s, uint32_t file, struct open_file **handlep);

#endif
