/* SPDX-License-Identifier: MIT */
/*
 * Where the next bytes are received, and what they were.
 *
 * A plan is aimed while blocks are in flight and the parser is inside of a block, or at the start
 * of a message of which no byte differs from the next block's header. It consists of the rest of
 * the block that arrives, then header, block, header, block in the order of the requests. After the
 * read the headers are compared. The blocks before the first difference are in place without a
 * copy. The bytes after it are in the wrong places: they are gathered into the scratch memory, in
 * the order of the stream, and parsed as if they had been read there. Until a block has been
 * received its place may hold garbage; a received block is never aimed at.
 *
 * Plan and comparison walk in_flight in the same way, so nothing may change between the two calls.
 */
#include "peer/download.h"
#include "peer/internal.h"

#include <assert.h>
#include <string.h>

/* A read that is not aimed: enough for a burst of HAVEs or requests. While blocks are in flight it
 * is less, for blocks that are read here must be copied to their places. */
#define PLAIN_READ           65536u
#define PLAIN_READ_IN_FLIGHT 16384u
_Static_assert(PLAIN_READ <= SCRATCH_SIZE, "a plain read does not fit");
_Static_assert(PIECE_HEADER == SCRATCH_HEADER_SIZE, "headers differ");
_Static_assert(sizeof((struct session *)0)->head == MESSAGE_HEAD_MAX, "head");

/* Whether the bytes of the current message can be the header of the next block in flight. */
static bool can_aim(struct session *s)
{
    const struct in_flight_block *block;

    if (!s->download || s->state != STATE_HEAD)
        return false;
    block = in_flight_first(&s->download->in_flight);
    return block && s->n_head < PIECE_HEADER && in_flight_header_is(block, s->head, 0, s->n_head);
}

unsigned session_plan_read(struct session *s, struct session_scratch *x, struct iovec *iov,
                           size_t *aimed_bytesp)
{
    uint8_t from = s->n_head;
    unsigned n = 0;

    assert(x->at == x->end);
    x->at = x->end = 0;
    x->n_aimed = 0;
    *aimed_bytesp = 0;
    if (s->state == STATE_BLOCK) {
        iov[n++] = (struct iovec){s->download->into, s->payload_left};
        *aimed_bytesp = s->payload_left;
        from = 0;
    } else if (!can_aim(s)) {
        iov[0] =
            (struct iovec){x->bytes, session_n_in_flight(s) ? PLAIN_READ_IN_FLIGHT : PLAIN_READ};
        return 1;
    }
    return n + in_flight_aim(&s->download->in_flight, from, x, iov + n, aimed_bytesp);
}

/* Compares the headers, takes the blocks that are in place, and returns their bytes of content. */
static uint64_t take_aimed(struct session *s, struct session_scratch *x, size_t left, uint64_t now)
{
    struct in_flight *f = &s->download->in_flight;
    uint64_t content = 0;

    for (unsigned k = 0; left && k < x->n_aimed; k++) {
        struct in_flight_block *block = in_flight_first(f);
        size_t from = x->aimed[k].from;
        size_t n = left < PIECE_HEADER - from ? left : PIECE_HEADER - from;

        if (!in_flight_header_is(block, x->aimed[k].header + from, from, n)) {
            in_flight_gather(f, x, k, left);
            break;
        }
        left -= n;
        if (from + n < PIECE_HEADER) {
            memcpy(s->head + from, x->aimed[k].header + from, n);
            s->n_head = (uint8_t)(from + n);
            break;
        }
        s->n_head = 0;
        n = left < block->size ? left : block->size;
        session_begin_block(s, block, (uint32_t)n, now);
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
    s->received_ns = now;
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
        s->any_message = true;
        rate_add(&s->down, content, now);
    }
}
