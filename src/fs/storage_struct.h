/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_STORAGE_STRUCT_H
#define CONJURE_SRC_FS_STORAGE_STRUCT_H

#include <stdatomic.h>

#include "conjure/fs/storage.h"
#include "fs/blame.h"
#include "fs/scan.h"
#include "fs/slots.h"
#include "fs/store.h"

/* What the parts of the storage share; nobody else includes this. */

/* --- jobs ------------------------------------------------------------------------------------ */

#define JOB_FILE_NONE UINT32_MAX

/* One extent and how to get at it. */
struct job_range {
    struct extent extent;
    struct open_file *handle; /* leased; NULL: the worker opens the file itself */
    const uint8_t *bytes;     /* DISK_WRITE: what goes there */
};

enum lane_result {
    LANE_GOOD,
    LANE_BAD,     /* read whole, and wrong */
    LANE_MISSING, /* a file is missing or too short */
    LANE_ERROR,   /* the disk failed */
    LANE_CANCELLED,
};

/* One piece to be hashed. */
struct job_lane {
    uint32_t piece;
    uint32_t slot; /* where it is read; its home but for compact allocation */
    uint32_t first_range, n_ranges;
    const uint8_t *expected; /* NULL: only the digest is wanted */
    const uint8_t *bytes;    /* the piece in memory; NULL: read it */
    uint8_t digest[SHA1_SIZE];
    enum lane_result result;
    bool digest_if_bad, digest_if_good; /* also a digest of each block */
    uint8_t (*digests)[SHA1_SIZE];      /* those, owned; NULL when there was no memory */
};

struct file_stamp {
    bool exists;
    uint64_t size;
    int64_t mtime_ns;
};

/* Why a file is to be synced before more is claimed of it. */
enum {
    UNSYNCED_WRITTEN = 1, /* by us: its stamp is taken anew after the sync */
    UNSYNCED_CHECKED = 2, /* by whoever, maybe just now: a check has found it good */
};

struct job {
    struct disk_job head;
    const struct store *store;
    uint32_t failed_file; /* which file head.error is about, or JOB_FILE_NONE */
    struct job_range *ranges;
    uint32_t n_ranges, room;
    /* DISK_WRITE */
    uint32_t piece, first_block, n_blocks;
    uint64_t blocks;
    struct addr from;
    struct slot_moves moves;
    unsigned n_moved;
    /* DISK_HASH */
    struct job_lane lanes[SHA1_LANES_MAX];
    unsigned n_lanes;
    uint32_t lane_size;
    bool check;
    _Atomic bool cancelled; /* by FS, while a worker runs it */
    /* DISK_RESUME: a snapshot of what is claimed, and what must be synced before */
    struct resume *resume;
    uint8_t *unsynced;         /* one per file */
    uint8_t digest[SHA1_SIZE]; /* of what is on disk: before running, and after */
    bool on_disk;              /* there is such a digest */
    /* DISK_LOOK */
    struct file_stamp *stamps; /* one per file: before running what is expected */
    uint32_t changed;          /* after running: the first file that is not so, or JOB_FILE_NONE */
};

struct job *job_new(struct storage *s, enum disk_job_kind kind);
/* Returns leases too; NULL is fine. */
void job_free(struct job *job);
/* Adds the extents of content [at, at + length) and leases their files. BYTES: for writing. */
int job_add_ranges(struct job *job, uint64_t at, uint32_t length, bool foreign,
                   const uint8_t *bytes, enum file_mode mode);
#define SCRATCH_SIZE (512u * 1024)

/* Job bodies that live elsewhere; they set head.error. */
void job_run_open(struct job *job);
void job_run_look(struct job *job);
/* N_JOBS of a list. Hash jobs have one lane size, and SHA1_LANES_MAX lanes at most. */
void jobs_run_hash(struct disk_job *first, unsigned n_jobs, struct disk_scratch *scratch);
#define JOBS_RESUME_MAX 16
void jobs_run_resume(struct disk_job *first, unsigned n_jobs);

/* --- storage --------------------------------------------------------------------------------- */

enum partial_state {
    PARTIAL_OPEN,    /* blocks are missing */
    PARTIAL_WAITING, /* all on disk, in the queue for its hash */
    PARTIAL_HASHING,
};

/* A piece that has blocks on disk, or on the way there, and is not verified. */
struct partial {
    uint32_t piece;
    uint32_t n_blocks, n_stored;
    enum partial_state state;
    struct partial *next; /* PARTIAL_WAITING */
    uint64_t *on_disk;    /* bits, n_blocks of them */
    uint64_t *writing;
    struct addr *from; /* one per block: who sent it; ADDR_NONE when it was there before */
};

static inline bool bit_test(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

static inline void bit_set(uint64_t *bits, uint32_t i)
{
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void bit_clear(uint64_t *bits, uint32_t i)
{
    bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

struct storage {
    struct store store;
    struct handle_pool *pool;
    void *owner;
    char *dir, *resume_path, *lock_path;
    int lock_fd;
    struct bitfield verified;  /* wherever they are */
    struct bitfield have;      /* verified and at home */
    struct bitfield doubtful;  /* to be hashed: pieces, or slots when the allocation is compact */
    struct partial **partials; /* one per piece */
    struct partial *unhashed_first, *unhashed_last;
    uint32_t n_unhashed;
    uint32_t n_jobs; /* prepared and not finished */
    uint32_t check_at, n_checked, n_bad;
    bool checking;      /* all, as the user asked, and not through yet */
    struct slots slots; /* compact */
    struct scan scan;   /* compact: a check under way */
    struct blame blame;
    struct storage_event *events;
    uint32_t n_events, events_at, events_room;
    struct file_stamp *stamps; /* one per file, as of the last resume data */
    uint8_t *unsynced;         /* one per file: what happened since its last sync began */
    uint64_t uploaded, downloaded;
    uint8_t saved[SHA1_SIZE]; /* digest of the resume file as it is on disk */
    bool is_saved;            /* there is such a file, and it is ours */
    bool saving;              /* resume data: the stamps of what was dirty are on their way */
    uint32_t failed_file;
    bool refuse_lost, trusting;
    bool has_trusted; /* stamps are those of the resume data, unseen */
};

static inline bool storage_is_compact(const struct storage *s)
{
    return s->store.allocation == ALLOCATION_COMPACT;
}

uint32_t storage_n_blocks(const struct storage *s, uint32_t piece);
struct partial *storage_add_partial(struct storage *s, uint32_t piece); /* NULL: no memory */
void storage_drop_partial(struct storage *s, uint32_t piece);
/* The slot that PIECE is in, or SLOT_NONE. */
uint32_t storage_slot_of(const struct storage *s, uint32_t piece);
/* A verified piece: the books, no event. */
void storage_set_verified(struct storage *s, uint32_t piece);
void storage_add_event(struct storage *s, enum storage_event_kind kind, uint32_t piece,
                       const struct addr *addr);
/* After reading files' sizes: which pieces (slots) may be on disk. PRESENT is initialised. ASKED: only
 * these matter, and no file without a byte of them is opened; NULL: all. Compact looks at all. */
int storage_find_present(struct storage *s, const struct file_stamp *stamps,
                         const struct bitfield *asked, struct bitfield *present);
/* Whether the open file FD is still as STAMP says. */
bool storage_is_unchanged(int fd, const struct file_stamp *stamp);
/* Those that are UNSYNCED_WRITTEN, or all. */
int storage_stat_files(const struct store *store, const uint8_t *unsynced,
                       struct file_stamp *stamps);

#endif
