/* SPDX-License-Identifier: MIT */
/*
 * Where the next bytes are to go, and what came.
 *
 * AIM. While blocks are in flight and the parser stands at the start of a message (or has seen of
 * it nothing that speaks against the next block's header) or inside of a block, the plan is: the
 * rest of that block, then header, block, header, block in the order of asking. Afterwards the
 * headers are compared with what they should be. Up to the first that differs all blocks are in
 * place and nothing was copied. From there on the bytes stand where they do not belong: they are
 * gathered into the scratch memory, in the order of the stream, and go through the parser as if
 * they had been read there. Blocks that are still in flight may hold garbage meanwhile; received
 * ones are never aimed at.
 *
 * Plan and comparison walk the ring in the same way, so nothing may change between the two calls.
 */
#include "peer/session_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GATHERED_MAX (SCRATCH_AIMED_MAX * (size_t)(PIECE_HEADER + BLOCK_SIZE))

int session_scratch_init(struct session_scratch *x)
{
    *x = SESSION_SCRATCH_EMPTY;
    /* Pages that no miss ever reaches are never touched. */
    x->size = GATHERED_MAX > PLAIN_READ ? GATHERED_MAX : PLAIN_READ;
    x->bytes = malloc(x->size);
    return x->bytes ? 0 : -ENOMEM;
}

void session_scratch_deinit(struct session_scratch *x)
{
    free(x->bytes);
    *x = SESSION_SCRATCH_EMPTY;
}

static void expected_header(const struct in_flight *f, uint8_t header[PIECE_HEADER])
{
    const struct session_upload u = {.piece = f->piece, .begin = f->begin, .length = f->size};

    session_upload_header(&u, header);
}

/* Whether the bytes of a message that are here may belong to the next block in flight. */
static bool can_aim(struct session *s)
{
    struct session_transfer *t = s->transfer;
    uint8_t expected[PIECE_HEADER];

    if (!t || s->state != STATE_HEAD || t->first == t->last)
        return false;
    if (!s->n_head)
        return true;
    if (s->n_head >= PIECE_HEADER)
        return false;
    expected_header(session_ring(t, t->first), expected);
    return memcmp(s->head, expected, s->n_head) == 0;
}

unsigned session_plan_read(struct session *s, struct session_scratch *x, struct iovec *iov,
                           size_t *aimed_bytesp)
{
    struct session_transfer *t = s->transfer;
    uint8_t from = s->n_head;
    size_t total = 0;
    unsigned n = 0;

    assert(x->at == x->end);
    x->at = x->end = 0;
    x->n_aimed = 0;
    if (s->state == STATE_BLOCK) {
        iov[n++] = (struct iovec){t->into, s->payload_left};
        total = s->payload_left;
        from = 0;
    } else if (!can_aim(s)) {
        *aimed_bytesp = 0;
        iov[0] =
            (struct iovec){x->bytes, session_n_in_flight(s) ? PLAIN_READ_IN_FLIGHT : PLAIN_READ};
        return 1;
    }
    for (uint32_t i = t->first; i != t->last && x->n_aimed < SCRATCH_AIMED_MAX;
         i = session_ring_skip(t, i + 1)) {
        const struct in_flight *f = session_ring(t, i);

        x->aimed[x->n_aimed].from = from;
        iov[n++] = (struct iovec){x->aimed[x->n_aimed].header + from, PIECE_HEADER - from};
        iov[n++] = (struct iovec){session_place(t, f), f->size};
        total += PIECE_HEADER - from + f->size;
        x->n_aimed++;
        from = 0;
    }
    *aimed_bytesp = total;
    return n;
}

/* The plan did not come true from header K on: what was read there, LEFT bytes, in stream order. */
static void gather(struct session *s, struct session_scratch *x, unsigned k, size_t left)
{
    struct session_transfer *t = s->transfer;
    uint32_t i = t->first;

    for (; left && k < x->n_aimed; k++, i = session_ring_skip(t, i + 1)) {
        const struct in_flight *f = session_ring(t, i);
        size_t from = x->aimed[k].from;
        size_t n = left < PIECE_HEADER - from ? left : PIECE_HEADER - from;

        memcpy(x->bytes + x->end, x->aimed[k].header + from, n);
        x->end += n;
        left -= n;
        n = left < f->size ? left : f->size;
        memcpy(x->bytes + x->end, session_place(t, f), n);
        x->end += n;
        left -= n;
    }
    assert(!left);
}

/* Compares the headers with what they should be, takes the blocks that are in place, and returns
 * how many bytes of content they are. */
static uint64_t take_aimed(struct session *s, struct session_scratch *x, size_t left, uint64_t now)
{
    uint64_t content = 0;

    for (unsigned k = 0; left && k < x->n_aimed; k++) {
        struct in_flight *f = session_ring(s->transfer, s->transfer->first);
        size_t from = x->aimed[k].from;
        size_t n = left < PIECE_HEADER - from ? left : PIECE_HEADER - from;
        uint8_t expected[PIECE_HEADER];

        expected_header(f, expected);
        if (memcmp(x->aimed[k].header + from, expected + from, n) != 0) {
            gather(s, x, k, left);
            break;
        }
        left -= n;
        if (from + n < PIECE_HEADER) {
            memcpy(s->head + from, expected + from, n);
            s->n_head = (uint8_t)(from + n);
            break;
        }
        s->n_head = 0;
        n = left < f->size ? left : f->size;
        session_begin_block(s, f, (uint32_t)n, now);
        left -= n;
        content += n;
    }
    return content;
}

void session_did_read(struct session *s, struct session_scratch *x, size_t n_bytes, uint64_t now)
{
    uint64_t content = 0;
    uint32_t n = 0;

    if (!n_bytes || session_is_broken(s))
        return;
    s->heard_ns = now;
    if (s->state == STATE_BLOCK) {
        n = n_bytes < s->payload_left ? (uint32_t)n_bytes : s->payload_left;
        session_fill_block(s, n, now);
        content = n;
    } else if (!x->n_aimed) {
        x->end = n_bytes;
        return;
    }
    content += take_aimed(s, x, n_bytes - n, now);
    if (content) {
        s->heard_any = true;
        rate_add(&s->down, content, now);
    }
}

void session_feed(struct session *s, struct session_scratch *x, const uint8_t *bytes, size_t n,
                  uint64_t now)
{
    assert(x->at == x->end && n <= x->size);
    if (!n)
        return;
    memcpy(x->bytes, bytes, n);
    x->n_aimed = 0;
    x->at = 0;
    x->end = n;
    s->heard_ns = now;
}
