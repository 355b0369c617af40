/* SPDX-License-Identifier: MIT */
#include "peer/in_flight.h"

#include <assert.h>

/* The counter of the next block at or after counter I, or LAST. */
static uint32_t skip_holes(struct in_flight *f, uint32_t i)
{
    while (i != f->last && in_flight_at(f, i)->claim == IN_FLIGHT_HOLE)
        i++;
    return i;
}

static void close_up_holes(struct in_flight *f)
{
    uint32_t to = f->first;

    for (uint32_t i = f->first; i != f->last; i++) {
        if (in_flight_at(f, i)->claim != IN_FLIGHT_HOLE)
            *in_flight_at(f, to++) = *in_flight_at(f, i);
    }
    f->last = to;
}

void in_flight_add(struct in_flight *f, const struct in_flight_block *block)
{
    if (f->last - f->first == IN_FLIGHT_SLOTS)
        close_up_holes(f);
    assert(f->last - f->first < IN_FLIGHT_SLOTS);
    *in_flight_at(f, f->last++) = *block;
}

struct in_flight_block *in_flight_find(struct in_flight *f, uint32_t piece, uint32_t begin,
                                       uint32_t size)
{
    for (uint32_t i = f->first; i != f->last; i++) {
        struct in_flight_block *block = in_flight_at(f, i);

        if (block->claim != IN_FLIGHT_HOLE && block->piece == piece && block->begin == begin)
            return block->size == size ? block : NULL;
    }
    return NULL;
}

void in_flight_remove(struct in_flight *f, struct in_flight_block *block)
{
    block->claim = IN_FLIGHT_HOLE;
    f->first = skip_holes(f, f->first);
}

unsigned in_flight_aim(struct in_flight *f, uint8_t from, struct session_scratch *x,
                       struct iovec *iov, size_t *n_bytesp)
{
    unsigned n = 0;

    x->n_aimed = 0;
    for (uint32_t i = f->first; i != f->last && x->n_aimed < SCRATCH_AIMED_MAX;
         i = skip_holes(f, i + 1)) {
        const struct in_flight_block *block = in_flight_at(f, i);

        x->aimed[x->n_aimed].from = from;
        iov[n++] = (struct iovec){x->aimed[x->n_aimed].header + from, PIECE_HEADER - from};
        iov[n++] = (struct iovec){block->data, block->size};
        *n_bytesp += PIECE_HEADER - from + block->size;
        x->n_aimed++;
        from = 0;
    }
    return n;
}

void in_flight_gather(struct in_flight *f, struct session_scratch *x, unsigned k, size_t n_bytes)
{
    for (uint32_t i = f->first; n_bytes && k < x->n_aimed; k++, i = skip_holes(f, i + 1)) {
        const struct in_flight_block *block = in_flight_at(f, i);
        size_t from = x->aimed[k].from;
        size_t n = n_bytes < PIECE_HEADER - from ? n_bytes : PIECE_HEADER - from;

        memcpy(x->bytes + x->end, x->aimed[k].header + from, n);
        x->end += n;
        n_bytes -= n;
        n = n_bytes < block->size ? n_bytes : block->size;
        memcpy(x->bytes + x->end, block->data, n);
        x->end += n;
        n_bytes -= n;
    }
    assert(!n_bytes);
}
