/* SPDX-License-Identifier: MIT */
/*
 * A check hashes doubtful pieces and verifies the correct ones. With compact allocation it reads
 * slots, in several passes, and the result is known after the last one (scan.h).
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fs/internal.h"
#include "fs/lanes.h"

/* --- begin ----------------------------------------------------------------------------------- */

static int find_all_present(struct storage *s, struct bitfield *present)
{
    struct file_stamp *stamps = calloc((size_t)s->store.n_files + 1, sizeof *stamps);
    int r = stamps ? stamps_read_all(&s->store, stamps, NULL) : -ENOMEM;

    if (!r)
        r = s->placement->ops->find_present(s->placement, stamps, present);
    free(stamps);
    return r;
}

static int tell_placement(struct storage *s, enum check_scope scope)
{
    const struct placement_ops *ops = s->placement->ops;

    return ops->begin_check ? ops->begin_check(s->placement, &s->books, scope) : 0;
}

static void swap(struct bitfield *a, struct bitfield *b)
{
    struct bitfield kept = *a;

    *a = *b;
    *b = kept;
}

/* All pieces that can be on disk are doubtful; none is verified until it has passed the check. On
 * failure the books are as before. */
static int begin_anew(struct storage *s)
{
    struct bitfield doubtful = BITFIELD_EMPTY;
    struct books *b = &s->books;
    int r = bitfield_init(&doubtful, s->store.n_pieces);

    if (!r)
        r = find_all_present(s, &doubtful);
    if (!r) {
        swap(&b->doubtful, &doubtful);
        r = tell_placement(s, CHECK_ALL);
        if (r)
            swap(&b->doubtful, &doubtful);
    }
    bitfield_deinit(&doubtful);
    if (r)
        return r;
    bitfield_clear_all(&b->verified);
    bitfield_clear_all(&b->have);
    bitfield_clear_all(&b->unreadable);
    s->checking_all = true;
    return 0;
}

int storage_begin_check(struct storage *s, enum check_scope scope, uint32_t *np)
{
    bool anew = scope == CHECK_ALL && !(s->checking_all && s->books.doubtful.n_set);
    int r;

    owner_assert(&s->thread);
    assert(s->n_jobs == 0 && s->books.n_unhashed == 0);
    *np = 0;
    r = anew ? begin_anew(s) : tell_placement(s, CHECK_DOUBTFUL);
    if (r)
        return r;
    s->check_at = 0;
    s->n_checked = s->n_bad = 0;
    *np = s->books.doubtful.n_set;
    return 0;
}

void check_end_pass(struct storage *s)
{
    if (s->placement->ops->end_pass(s->placement, &s->books))
        s->check_at = 0;
}

/* --- prepare --------------------------------------------------------------------------------- */

uint32_t storage_next_check_size(struct storage *s)
{
    owner_assert(&s->thread);
    while (s->check_at < s->store.n_pieces && !bitfield_test(&s->books.doubtful, s->check_at))
        s->check_at++;
    if (s->check_at >= s->store.n_pieces)
        return 0;
    return s->placement->ops->check_size(s->placement, s->check_at);
}

static int add_lane(struct storage *s, struct lane_job *lanes, uint32_t slot)
{
    struct lane lane = {.slot = slot};

    lane.piece = s->placement->ops->check_piece(s->placement, slot, &lane.expected);
    return lanes_add(lanes, &lane, JOB_OPENS_ITSELF);
}

int storage_prepare_check(struct storage *s, unsigned max, struct disk_job **jobp)
{
    uint32_t size = storage_next_check_size(s);
    struct lane_job *lanes;
    int r = 0;

    *jobp = NULL;
    if (!size)
        return 0;
    lanes = lane_job_of(job_new(s, &check_kind, sizeof *lanes));
    lanes->lane_size = size;
    lanes->gently = true;
    for (; lanes->n_lanes < max && storage_next_check_size(s) == size && !r; s->check_at++)
        r = add_lane(s, lanes, s->check_at);
    if (r) {
        job_free(&lanes->job);
        return r;
    }
    *jobp = &lanes->job.head;
    return 0;
}

/* --- finish ---------------------------------------------------------------------------------- */

static void finish_lane(struct storage *s, const struct lane *lane)
{
    uint32_t piece;

    /* A slot that was not read, because of a cancel or an error of the process, stays doubtful. */
    if (lane->result == LANE_CANCELLED || lane->result == LANE_ERROR)
        return;
    if (lane->result == LANE_UNREADABLE && bitfield_set(&s->books.unreadable, lane->slot))
        events_add(&s->events, STORAGE_UNREADABLE, lane->failed_file, NULL);
    s->n_checked++;
    s->n_bad += lane->result == LANE_BAD;
    bitfield_clear(&s->books.doubtful, lane->slot);
    piece = s->placement->ops->found(s->placement, &s->books, lane->slot,
                                     lane->result == LANE_GOOD ? lane->digest : NULL);
    if (piece != SLOT_NONE)
        bitfield_clear(&s->books.unreadable, lane->slot);
    if (piece != SLOT_NONE)
        stamps_mark(&s->stamps, &s->store, UNSYNCED_CHECKED, lane->slot,
                    store_piece_size(&s->store, piece), store_padding_of(lane->slot, piece));
}

static void check_finish(struct storage *s, struct job *job)
{
    struct lane_job *lanes = lane_job_of(job);

    for (unsigned i = 0; i < lanes->n_lanes; i++)
        finish_lane(s, &lanes->lanes[i]);
}

const struct job_kind check_kind = {
    .kind = DISK_CHECK,
    .joins = lanes_join,
    .run = lanes_run,
    .finish = check_finish,
    .deinit = lanes_deinit,
};
