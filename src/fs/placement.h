/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_PLACEMENT_H
#define CONJURE_SRC_FS_PLACEMENT_H

#include "conjure/fs/storage.h"
#include "fs/books.h"
#include "fs/resume.h"
#include "fs/slots.h"
#include "fs/stamps.h"

/*
 * In which slot of the content each piece is: always its own (sparse, full), or one in the order of
 * arrival (compact). Everything that differs between the two stands behind this struct.
 *
 * THREADS. FS's thread calls all of these except `adopt`. The worker that runs the open job calls
 * `adopt`; the job owns the placement and the books meanwhile.
 */
struct placement {
    const struct placement_ops *ops;
    const struct store *store; /* outlives the placement */
};

enum save_verdict {
    SAVE_NOW,
    SAVE_LATER,   /* a job is under way */
    SAVE_NOTHING, /* the last resume data says more than the books do */
};

struct placement_ops {
    /* Pieces move between slots, so a job has to wait until the one under way is finished. */
    bool one_job_at_a_time;
    /* The stamps of a complete torrent's files vouch for its content. */
    bool stamps_vouch;

    void (*free)(struct placement *p);

    /* The slot of PIECE, or SLOT_NONE. */
    uint32_t (*slot_of)(const struct placement *p, uint32_t piece);
    /* Whether PIECE has a slot or can get one. */
    bool (*takes)(const struct placement *p, uint32_t piece);
    /* Gives PIECE, which has none, a slot: MOVES are to be carried out before it is written. NULL,
     * as `undo`, when every piece has one. */
    void (*place)(struct placement *p, uint32_t piece, struct slot_moves *movesp);
    /* Undoes `place`, after only the first N_DONE moves were carried out: PIECE has no slot. */
    void (*undo)(struct placement *p, const struct slot_moves *moves, unsigned n_done);
    /* PIECE is on disk and correct. */
    void (*verify)(const struct placement *p, struct books *b, uint32_t piece);

    /* Verifies the pieces of RESUME (NULL: there is none), without hashing, whose files still have
     * its stamps; STAMPS are the present ones. Other pieces that may be on disk become doubtful.
     * No partial pieces are booked. 0 or -errno. */
    int (*adopt)(struct placement *p, struct books *b, const struct resume *resume,
                 const struct file_stamp *stamps);
    /* Which pieces, or slots, can be on disk at all. 0 or -errno. */
    int (*find_present)(const struct placement *p, const struct file_stamp *stamps,
                        struct bitfield *present);

    enum save_verdict (*may_save)(const struct placement *p, const struct books *b, bool busy);
    /* Completes resume data of the books. R->clean: whether the torrent is being closed. 0 or
     * -ENOMEM. */
    int (*snapshot)(const struct placement *p, struct resume *r);

    /* A check of the doubtful slots begins. CHECK_ALL: no piece counts as verified. 0, or -ENOMEM
     * with nothing changed. May be NULL: there is nothing to do. */
    int (*begin_check)(struct placement *p, struct books *b, enum check_scope scope);
    /* How many bytes of SLOT the check reads. */
    uint32_t (*check_size)(const struct placement *p, uint32_t slot);
    /* Which piece it expects there, SLOT_NONE for any other than the slot's own; and *EXPECTEDP,
     * the hash to compare with, or NULL when only the digest is wanted. */
    uint32_t (*check_piece)(const struct placement *p, uint32_t slot, const uint8_t **expectedp);
    /* The check has hashed SLOT: DIGEST is NULL when it could not be read, or does not have the
     * expected hash. Returns the piece that is in it, or SLOT_NONE. */
    uint32_t (*found)(struct placement *p, struct books *b, uint32_t slot, const uint8_t *digest);
    /* All doubtful slots were read and no job is under way. Returns whether another
     * pass follows: its slots are doubtful again. */
    bool (*end_pass)(struct placement *p, struct books *b);
};

/* NULL without memory. */
struct placement *placement_new(const struct store *store);
struct placement *placement_new_sparse(const struct store *store);
struct placement *placement_new_compact(const struct store *store);
/* NULL is fine. */
void placement_free(struct placement *p);

static inline uint32_t placement_slot_of(const struct placement *p, uint32_t piece)
{
    return p->ops->slot_of(p, piece);
}

#endif
