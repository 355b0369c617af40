/* SPDX-License-Identifier: MIT */
/*
 * Downloads. NextPiece asks InterestStat for a claim; InterestStat keeps the query until it has
 * one. The claim in the reply is added to the session, which requests its blocks and receives them
 * into a buffer of ours. StoreBlocks sends a claim that is done to FS; FS reports the blocks that
 * are on disk to InterestStat, and then returns the buffer. If any block of the claim is not on
 * disk, ClaimReturned is sent after that reply (guarantee E of conjure/msg/channel.h).
 */
#include "actors/peer/download.h"

#include <errno.h>
#include <stdlib.h>

#include "actors/peer/internal.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

/* Blocks of one connection that may be in flight or being written: a slow disk slows the peer and
 * does not fill memory. */
#define BLOCKS_HELD_MAX 512

#define NEXT_PIECE_MAX 8 /* queries out at a time */

/* A refused block is requested again after a pause. Some clients refuse everything just before they
 * choke us (Transmission 3.00), so a piece is lost only when the peer refuses it again later. */
#define REFUSAL_PAUSE_NS  NS_PER_S
#define REFUSAL_FORGET_NS (120 * NS_PER_S)

#define SNUB_PAUSE_NS (10 * NS_PER_S)

/* A claim is of one piece. */
static uint32_t claim_blocks_max(const struct peer *p)
{
    uint32_t n = geometry_n_blocks(&p->torrent->geometry, 0);

    return n < CLAIM_BLOCKS_MAX ? n : CLAIM_BLOCKS_MAX;
}

/* --- buffers ------------------------------------------------------------------------------ */

/*
 * All connections share one budget for claim buffers, or a few dozen fast peers would take hundreds
 * of megabytes. A query takes the credits for one buffer; they stay taken while the buffer is in
 * use, or is a spare one. A connection takes the credits for CLAIMS_UNASKED claims in any case. So
 * a crowd of slow peers with a claim each does not stop a fast one: it requests the blocks of its
 * second claim while those of the first arrive. And no connection has to be woken when credits are
 * returned.
 */
#define CLAIMS_UNASKED 2

static uint32_t credits_of_claim(const struct peer *p)
{
    return claim_blocks_max(p) * BLOCK_SIZE;
}

/* The claims and queries of P, those that are partly received counted by their blocks in flight. */
static uint32_t n_claims(const struct peer *p)
{
    uint32_t max = claim_blocks_max(p);

    return p->n_next_piece + p->n_stores + (session_n_in_flight(&p->session) + max - 1) / max;
}

static bool take_credits(struct peer *p)
{
    if (credits_take(p->env->buffers, credits_of_claim(p)))
        return true;
    if (n_claims(p) >= CLAIMS_UNASKED)
        return false;
    credits_take_unasked(p->env->buffers, credits_of_claim(p));
    return true;
}

/* All buffers have room for the largest claim, so that any can be used again for any; of a small
 * claim only the first pages are ever touched. Uses the credits of a query, or those of the spare
 * buffer in their place. */
static uint8_t *buffer_new(struct peer *p)
{
    struct peer_download *d = p->work ? &p->work->download : NULL;

    if (d && d->n_spare) {
        credits_return(p->env->buffers, credits_of_claim(p));
        return d->spare[--d->n_spare];
    }
    return malloc((size_t)CLAIM_BLOCKS_MAX * BLOCK_SIZE);
}

/* Spare buffers may have no more than half of the credits. */
static bool may_keep(const struct peer *p, const struct peer_download *d)
{
    return d->n_spare < N_ELEMENTS(d->spare) &&
           d->n_spare * claim_blocks_max(p) < PEER_SPARE_BLOCKS &&
           credits_left(p->env->buffers) >= PEER_BUFFERS_MAX / 2;
}

/* DATA may be NULL. */
static void buffer_free(struct peer *p, uint8_t *data)
{
    struct peer_download *d = p->work ? &p->work->download : NULL;

    if (data && d && may_keep(p, d)) {
        d->spare[d->n_spare++] = data;
        return;
    }
    free(data);
    credits_return(p->env->buffers, credits_of_claim(p));
}

void peer_download_end(struct peer *p)
{
    struct peer_download *d = &p->work->download;

    owner_assert(&p->owner);
    while (d->n_spare) {
        free(d->spare[--d->n_spare]);
        credits_return(p->env->buffers, credits_of_claim(p));
    }
}

/* --- the end of a claim ------------------------------------------------------------------- */

static void return_claim(struct peer *p, uint64_t claim)
{
    struct interest_claim_returned *m = interest_new_claim_returned();

    m->peer = p->id;
    m->claim = claim;
    interest_tell_or_drop_claim_returned(&p->torrent->interest, m);
}

void peer_download_store(struct peer *p, struct session_claim *c)
{
    uint32_t n_missing = (uint32_t)__builtin_popcountll(c->claim.blocks & ~c->received);
    struct fs_store_blocks *m;

    owner_assert(&p->owner);
    peer_quota_return(p, DIRECTION_DOWN, n_missing * BLOCK_SIZE);
    if (!c->received) {
        return_claim(p, c->claim.id);
        buffer_free(p, c->data);
        return;
    }
    m = fs_new_store_blocks();
    m->storage = p->torrent->storage;
    m->from = p->addr;
    m->claim = c->claim.id;
    m->claimed = c->claim.blocks;
    m->blocks = c->received;
    m->piece = c->claim.piece;
    m->first_block = c->claim.first_block;
    m->n_blocks = c->claim.n_blocks;
    m->data = c->data;
    if (!peer_ask_fs_store_blocks(&p->inbox, p->env->fs, m)) {
        return_claim(p, c->claim.id);
        buffer_free(p, c->data);
        msg_free(&m->msg);
        return;
    }
    p->n_queries++;
    p->n_stores++;
}

void peer_download_stored(struct peer *p, struct fs_store_blocks *m)
{
    owner_assert(&p->owner);
    p->n_queries--;
    p->n_stores--;
    if (m->claimed & ~m->blocks)
        return_claim(p, m->claim);
    buffer_free(p, m->data);
    if (m->error)
        peer_must_close(p, "its data cannot be written");
    msg_free(&m->msg);
}

void peer_download_drop_claims(struct peer *p)
{
    struct session_claim claim;

    owner_assert(&p->owner);
    while (session_drop_claim(&p->session, &claim))
        peer_download_store(p, &claim);
}

/* --- the beginning of a claim ------------------------------------------------------------- */

static void tell_requested(struct peer *p, uint64_t claim)
{
    if (p->session.n_peer_has == p->session.geometry->n_pieces) {
        struct interest_requested_from_seeder *m = interest_new_requested_from_seeder();

        m->peer = p->id;
        m->claim = claim;
        interest_tell_or_drop_requested_from_seeder(&p->torrent->interest, m);
    } else {
        struct interest_requested_from_leecher *m = interest_new_requested_from_leecher();

        m->peer = p->id;
        m->claim = claim;
        interest_tell_or_drop_requested_from_leecher(&p->torrent->interest, m);
    }
}

/* Gives the claim to the session; false when it is not wanted any more or there is no room. */
static bool take_claim(struct peer *p, const struct claim *c)
{
    uint8_t *data;
    int r;

    if (p->state == PEER_CLOSING || p->must_close || p->session.peer_chokes) {
        credits_return(p->env->buffers, credits_of_claim(p));
        return false;
    }
    data = buffer_new(p);
    r = data ? session_add_claim(&p->session, c, data, clock_now()) : -ENOMEM;
    if (!r)
        return true;
    buffer_free(p, data);
    if (r < 0) /* it would ask again at once, for ever */
        peer_must_close(p, "no memory for its blocks");
    return false;
}

void peer_download_claimed(struct peer *p, struct interest_next_piece *m)
{
    bool taken = m->claim.id && take_claim(p, &m->claim);
    uint32_t n_taken = taken ? (uint32_t)__builtin_popcountll(m->claim.blocks) : 0;

    owner_assert(&p->owner);
    p->n_queries--;
    p->n_next_piece--;
    p->n_blocks_asked = (uint16_t)(p->n_blocks_asked - m->n_blocks);
    if (n_taken < m->n_blocks)
        peer_quota_return(p, DIRECTION_DOWN, (m->n_blocks - n_taken) * BLOCK_SIZE);
    if (taken)
        tell_requested(p, m->claim.id);
    else if (m->claim.id)
        return_claim(p, m->claim.id);
    if (!m->claim.id)
        credits_return(p->env->buffers, credits_of_claim(p));
    msg_free(&m->msg);
}

bool peer_could_ask(const struct peer *p)
{
    return !p->seeding && !p->must_close && p->session.we_interested && !p->session.peer_chokes &&
           !p->n_next_piece;
}

/* How many blocks to claim now: as the session wants, bounded by buffers and quota. */
static uint32_t blocks_to_claim(struct peer *p, uint64_t now)
{
    uint32_t wanted = session_blocks_wanted(&p->session, now);
    uint32_t held = (uint32_t)p->n_stores * CLAIM_BLOCKS_MAX + session_n_in_flight(&p->session) +
                    p->n_blocks_asked;

    if (wanted <= p->n_blocks_asked || held >= BLOCKS_HELD_MAX)
        return 0;
    wanted -= p->n_blocks_asked;
    /* Whole claims if possible: FS hashes a piece from its buffer when one claim covers it. */
    if (wanted > claim_blocks_max(p))
        wanted -= wanted % claim_blocks_max(p);
    return peer_quota_get(p, DIRECTION_DOWN, wanted * BLOCK_SIZE, wanted * BLOCK_SIZE, now) /
           BLOCK_SIZE;
}

void peer_download_ask(struct peer *p, uint64_t now)
{
    uint32_t wanted, most = claim_blocks_max(p); /* more would be quota that no claim uses */

    owner_assert(&p->owner);
    if (p->seeding || p->must_close || !p->session.we_interested || p->session.peer_chokes ||
        now < p->work->download.pause_ns)
        return;
    wanted = blocks_to_claim(p, now);
    while (wanted && p->n_next_piece < NEXT_PIECE_MAX && take_credits(p)) {
        struct interest_next_piece *m = interest_new_next_piece();

        m->peer = p->id;
        m->n_blocks = wanted < most ? wanted : most;
        if (!peer_ask_interest_next_piece(&p->inbox, &p->torrent->interest, m)) {
            msg_free(&m->msg);
            credits_return(p->env->buffers, credits_of_claim(p));
            return;
        }
        peer_quota_use(p, DIRECTION_DOWN, m->n_blocks * BLOCK_SIZE);
        wanted -= m->n_blocks;
        p->n_queries++;
        p->n_next_piece++;
        p->n_blocks_asked = (uint16_t)(p->n_blocks_asked + m->n_blocks);
    }
}

/* --- a peer that does not send what we request -------------------------------------------- */

void peer_download_refused(struct peer *p, uint32_t piece, uint64_t now)
{
    struct peer_download *d;

    owner_assert(&p->owner);
    if (!p->work)
        return;
    d = &p->work->download;
    d->pause_ns = now + REFUSAL_PAUSE_NS;
    for (unsigned i = 0; i < PEER_REFUSALS; i++) {
        struct peer_refusal *r = &d->refusals[i];

        if (!r->at_ns || r->piece != piece || now - r->at_ns > REFUSAL_FORGET_NS)
            continue;
        if (now - r->at_ns >= REFUSAL_PAUSE_NS) {
            *r = (struct peer_refusal){0};
            peer_report_lost_piece(p, piece);
        }
        return;
    }
    d->refusals[d->n_refusals++ % PEER_REFUSALS] = (struct peer_refusal){piece, now};
}

int peer_download_tick(struct peer *p, uint64_t now)
{
    struct peer_download *d = &p->work->download;

    owner_assert(&p->owner);
    if (d->snubbed && p->session.down.total != d->snubbed_at)
        d->snubbed = false;
    if (!session_is_snubbed(&p->session, now))
        return 0;
    if (d->snubbed) {
        p->reason = "sends none of the blocks that we request";
        p->at_fault = true;
        return -ETIMEDOUT;
    }
    d->snubbed = true;
    d->snubbed_at = p->session.down.total;
    d->pause_ns = now + SNUB_PAUSE_NS;
    peer_download_drop_claims(p);
    return 0;
}
