/* SPDX-License-Identifier: MIT */
/* Hashes received pieces: each is verified, or all its blocks are missing again and the senders of
 * wrong ones are found. */
#include <assert.h>

#include "fs/internal.h"
#include "fs/lanes.h"

/* --- prepare --------------------------------------------------------------------------------- */

static int add_lane(struct storage *s, struct lane_job *lanes, struct partial *p)
{
    const struct lane lane = {
        .piece = p->piece,
        .slot = placement_slot_of(s->placement, p->piece),
        .expected = metainfo_piece_hash(s->store.meta, p->piece),
        .bytes = p->buffer,
        .digest_if_bad = !blame_find_single(p->from, p->n_blocks),
        .digest_if_good = blame_has(&s->blame, p->piece),
    };

    return lanes_add(lanes, &lane, JOB_LEASES);
}

int storage_prepare_hash(struct storage *s, unsigned max, struct disk_job **jobp)
{
    struct partial *previous = NULL, *next;
    struct lane_job *lanes;
    int r = 0;

    owner_assert(&s->thread);
    *jobp = NULL;
    if (!s->books.n_unhashed)
        return 0;
    if (s->placement->ops->one_job_at_a_time && s->n_jobs)
        return STORAGE_BUSY;
    lanes = lane_job_of(job_new(s, &hash_kind, sizeof *lanes));
    lanes->lane_size = store_piece_size(&s->store, s->books.unhashed_first->piece);
    for (struct partial *p = s->books.unhashed_first; p && lanes->n_lanes < max && !r; p = next) {
        next = p->next;
        if (store_piece_size(&s->store, p->piece) == lanes->lane_size) {
            r = add_lane(s, lanes, p);
            if (!r) {
                books_unqueue(&s->books, previous, p);
                p->state = PARTIAL_HASHING;
                continue;
            }
        }
        previous = p;
    }
    if (!lanes->n_lanes) {
        job_free(&lanes->job);
        return r;
    }
    *jobp = &lanes->job.head;
    return 0;
}

/* --- finish ---------------------------------------------------------------------------------- */

static void add_guilty(void *arg, uint32_t piece, const struct addr *addr)
{
    events_add(arg, STORAGE_GUILTY, piece, addr);
}

/* The piece of LANE was received: it has a partial, which names the senders of its blocks. */
static void finish_bad(struct storage *s, const struct lane *lane)
{
    struct partial *p = s->books.partials[lane->piece];
    const struct addr *single;

    assert(p);
    single = blame_find_single(p->from, p->n_blocks);
    if (lane->result == LANE_BAD) {
        if (single)
            events_add(&s->events, STORAGE_GUILTY, lane->piece, single);
        else if (lane->digests)
            blame_add(&s->blame, lane->piece, p->from, (const uint8_t(*)[SHA1_SIZE])lane->digests,
                      p->n_blocks);
    } else
        bitfield_set(&s->books.unreadable, lane->slot);
    books_drop_partial(&s->books, lane->piece);
    events_add(&s->events, STORAGE_FAILED, lane->piece, NULL);
}

static void finish_good(struct storage *s, const struct lane *lane)
{
    s->placement->ops->verify(s->placement, &s->books, lane->piece);
    bitfield_clear(&s->books.unreadable, lane->slot);
    if (blame_has(&s->blame, lane->piece))
        blame_settle(&s->blame, lane->piece, (const uint8_t(*)[SHA1_SIZE])lane->digests, add_guilty,
                     &s->events);
    if (bitfield_test(&s->books.have, lane->piece))
        events_add(&s->events, STORAGE_COMPLETED, lane->piece, NULL);
}

static void hash_finish(struct storage *s, struct job *job)
{
    struct lane_job *lanes = lane_job_of(job);

    for (unsigned i = 0; i < lanes->n_lanes; i++)
        (lanes->lanes[i].result == LANE_GOOD ? finish_good : finish_bad)(s, &lanes->lanes[i]);
}

const struct job_kind hash_kind = {
    .kind = DISK_HASH,
    .joins = lanes_join,
    .run = lanes_run,
    .finish = hash_finish,
    .deinit = lanes_deinit,
};
