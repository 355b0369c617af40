/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_FS_STORAGE_H
#define CONJURE_FS_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/addr.h"
#include "conjure/base/bitfield.h"
#include "conjure/base/write_policy.h"
#include "conjure/fs/allocation.h"
#include "conjure/fs/disk_job.h"
#include "conjure/fs/handle_pool.h"
#include "conjure/fs/piece_buffers.h"
#include "conjure/piece/stored_blocks.h"
#include "conjure/torrent/metainfo.h"

/*
 * One torrent's content on disk: which blocks are there, their senders, which pieces are verified.
 *
 * All functions of this header belong to one thread, FS's. Every operation on the disk has three
 * steps: PREPARE decides and makes a job, a worker runs the job (disk_job.h), FINISH books the
 * result. Prepare and finish touch the disk only to open files.
 *
 *     if (storage_prepare_write(s, ..., &job) == 0 && job) {
 *         disk_jobs_run(job, &scratch);
 *         error = storage_finish(job);
 *         while (storage_next_event(s, &event)) ...
 *     }
 *
 * A prepare function returns 0 with a job, 0 with NULL when there is nothing to do, STORAGE_BUSY
 * when it has to wait for a job under way (try again after the next storage_finish of this
 * storage), or -errno.
 */
struct storage;

enum {
    STORAGE_BUSY = 1,
    STORAGE_UNSAVED, /* see storage_prepare_make */
};

struct storage_config {
    const struct metainfo *meta; /* outlives the storage */
    const char *dir;             /* download folder; made when missing, but not its parents */
    const char *resume_path;     /* or NULL: no resume data and no lock */
    enum allocation allocation;
    const bool *skip_file; /* one per file, copied: not wanted; NULL: all are wanted */
    void *owner;           /* for storage_owner */
    /* The open job fails by -ENOENT when resume data claims pieces and all of their files are gone:
     * the disk may not be mounted. */
    bool refuse_lost;
    /* When resume data claims every piece the open job reads the stamp of one file only. The
     * others are left to storage_prepare_restat. */
    bool trusting;
    struct write_policy policy;
};

#define STORAGE_REASON_MAX 256 /* bytes, with the final 0 */

/* Opens the download folder and locks the torrent against other processes (-EBUSY when another one
 * has the lock). POOL and BUFFERS are shared by all storages of the thread and outlive them. REASON
 * is one line for the user when that fails. The open job has to be run next. */
int storage_new(const struct storage_config *config, struct handle_pool *pool,
                struct piece_buffers *buffers, struct storage **storagep,
                char reason[STORAGE_REASON_MAX]);
/* No job may be under way and no lease out. NULL is fine. */
void storage_free(struct storage *s);
void *storage_owner(const struct storage *s);

/* --- jobs ------------------------------------------------------------------------------------ */

/* The first job. The books are empty until it is finished. */
int storage_prepare_open(struct storage *s, struct disk_job **jobp);

/* Judges the files with content that were there before the torrent, once no piece is doubtful, and
 * makes what the torrent needs before its first write. Call it after a check; NULL when the open
 * job has done all that. -EEXIST when a file must be left alone, -EREMCHG when one was complete and
 * has changed (storage_describe_error): then the storage can only be closed. STORAGE_UNSAVED when
 * resume data has to be saved first, so that after a crash our files are known to be ours; call it
 * again after that, even if saving has failed. */
int storage_prepare_make(struct storage *s, struct disk_job **jobp);

/* Received blocks: bit i of BLOCKS says that DATA holds block FIRST_BLOCK + i, at i * BLOCK_SIZE.
 * DATA is the caller's and stays as it is until the job is finished. Blocks that are on disk or
 * being written are left out. FROM is their sender. -EINVAL when the torrent has no such blocks. */
int storage_prepare_write(struct storage *s, uint32_t piece, uint32_t first_block,
                          uint32_t n_blocks, uint64_t blocks, const uint8_t *data,
                          const struct addr *from, struct disk_job **jobp);
/* After such a write of a whole PIECE: takes DATA, from which the piece will be hashed, and returns
 * another buffer of CLAIM_BLOCKS_MAX blocks. NULL, and DATA stays the caller's, when there is no
 * other buffer or the piece does not wait for its hash. */
uint8_t *storage_exchange_buffer(struct storage *s, uint32_t piece, uint8_t *data);

/* Pieces whose blocks are all on disk and that wait for their hash. */
uint32_t storage_n_unhashed(const struct storage *s);
/* Takes up to MAX (at most SHA1_LANES_MAX) of them. */
int storage_prepare_hash(struct storage *s, unsigned max, struct disk_job **jobp);

enum check_scope {
    CHECK_DOUBTFUL,
    CHECK_ALL, /* all pieces that can be on disk */
};
/* Starts a check of *NP pieces. A check of all pieces that an earlier run of the program has begun,
 * as resume data says, is continued. No job may be under way, no piece may wait for its hash, and
 * no block be written until the check has ended. 0, or -errno: then no check has begun, and what
 * was verified still is. */
int storage_begin_check(struct storage *s, enum check_scope scope, uint32_t *np);
/* The next pieces of the check, all of one size; NULL when all have been given out. */
int storage_prepare_check(struct storage *s, unsigned max, struct disk_job **jobp);
/* How many bytes the next one of them has; 0: there is none. */
uint32_t storage_next_check_size(struct storage *s);
/* Pieces of the check so far that were whole on disk, but had another hash. */
uint32_t storage_n_bad(const struct storage *s);
uint32_t storage_n_checked(const struct storage *s);

enum save_reason {
    SAVE_RUNNING, /* the torrent stays open */
    SAVE_CLOSING,
};
/* Resume data. UPLOADED and DOWNLOADED are the torrent's totals in bytes. */
int storage_prepare_save(struct storage *s, uint64_t uploaded, uint64_t downloaded,
                         enum save_reason reason, struct disk_job **jobp);

/* Compares the stamps of files, for STORAGE_CHANGED; but not those that were written to since the
 * last save. NULL when there is none left, or a write is under way. */
int storage_prepare_restat(struct storage *s, struct disk_job **jobp);

/* Books the result, frees JOB and returns its error. */
int storage_finish(struct disk_job *job);

/* --- events ---------------------------------------------------------------------------------- */

enum storage_event_kind {
    STORAGE_COMPLETED,  /* piece: verified and in its place */
    STORAGE_FAILED,     /* piece: wrong, all its blocks are missing again */
    STORAGE_GUILTY,     /* addr: sent wrong data of the piece */
    STORAGE_CHANGED,    /* file: another program wrote to it or removed it */
    STORAGE_UNREADABLE, /* file: the disk could not read a piece of it, which is missing now */
};
struct storage_event {
    enum storage_event_kind kind;
    uint32_t piece; /* or file */
    struct addr addr;
};
/* Takes the next event; false when there is none. */
bool storage_next_event(struct storage *s, struct storage_event *eventp);

/* --- queries --------------------------------------------------------------------------------- */

const struct bitfield *storage_have(const struct storage *s); /* verified and in their places */
uint32_t storage_n_doubtful(const struct storage *s);
/* Whether the open job has left files to storage_prepare_restat. */
bool storage_needs_restat(const struct storage *s);
bool storage_is_busy(const struct storage *s); /* some job is under way */
/* Whether BLOCK of an unverified PIECE is on disk. */
bool storage_has_block(const struct storage *s, uint32_t piece, uint32_t block);
/* All such blocks, and those of verified pieces that are not in their places yet (compact), but
 * none that is being written. *STOREDP is the caller's, and is empty on failure. 0 or -ENOMEM. */
int storage_list_stored(const struct storage *s, struct stored_blocks *storedp);
/* As resume data had them when the torrent was opened. */
uint64_t storage_uploaded(const struct storage *s);
uint64_t storage_downloaded(const struct storage *s);
/* Whether the last error was about a file of the content, and not about resume data. */
bool storage_failed_in_content(const struct storage *s);
/* One line for the user about a disk error of this storage: which file, and the system's
 * message. */
const char *storage_describe_error(struct storage *s, int error, char reason[STORAGE_REASON_MAX]);

/* An open FILE to serve verified pieces from, at the offsets of the file (a part file when it is
 * not wanted). Returned by handle_pool_return. 0, -EINVAL, or as storage_unservable. */
int storage_lease(struct storage *s, uint32_t file, struct open_file **handlep);
/* Verified content of FILE could not be opened or read, by ERROR (-errno; -ESTALE: it is not the
 * file that was verified, or is too short). Returns -ESTALE, with STORAGE_CHANGED, when the file
 * has changed or is gone; -EAGAIN when the process is short of descriptors or memory, which is no
 * fault of the torrent; else ERROR, which storage_describe_error describes. */
int storage_unservable(struct storage *s, uint32_t file, int error);

#endif
