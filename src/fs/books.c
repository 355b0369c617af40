/* SPDX-License-Identifier: MIT */
#include "fs/books.h"

#include <errno.h>
#include <stdlib.h>

#include "conjure/torrent/padding.h"
#include "fs/bits.h"

int books_init(struct books *b, const struct geometry *geometry, struct piece_buffers *buffers)
{
    uint32_t n = geometry->n_pieces;
    int r;

    *b = (struct books){.geometry = geometry, .buffers = buffers};
    r = bitfield_init(&b->verified, n);
    if (!r)
        r = bitfield_init(&b->have, n);
    if (!r)
        r = bitfield_init(&b->doubtful, n);
    if (!r)
        r = bitfield_init(&b->unreadable, n);
    if (r)
        return r;
    b->partials = calloc((size_t)n + 1, sizeof *b->partials);
    return b->partials ? 0 : -ENOMEM;
}

void books_deinit(struct books *b)
{
    for (uint32_t piece = 0; b->partials && piece < b->geometry->n_pieces; piece++)
        books_drop_partial(b, piece);
    free(b->partials);
    bitfield_deinit(&b->verified);
    bitfield_deinit(&b->have);
    bitfield_deinit(&b->doubtful);
    bitfield_deinit(&b->unreadable);
    *b = BOOKS_EMPTY;
}

/* --- records of pieces ----------------------------------------------------------------------- */

struct partial *books_add_partial(struct books *b, uint32_t piece)
{
    uint32_t n_blocks = geometry_n_blocks(b->geometry, piece);
    size_t n_words = ((size_t)n_blocks + 63) / 64;
    struct partial *p = b->partials[piece];

    if (p)
        return p;
    p = calloc(1, sizeof *p + n_words * 2 * sizeof(uint64_t) + n_blocks * sizeof(struct addr));
    if (!p)
        return NULL;
    p->piece = piece;
    p->n_blocks = n_blocks;
    p->on_disk = (uint64_t *)(p + 1);
    p->writing = p->on_disk + n_words;
    p->from = (struct addr *)(p->writing + n_words);
    b->partials[piece] = p;
    return p;
}

void books_unqueue(struct books *b, struct partial *previous, struct partial *p)
{
    *(previous ? &previous->next : &b->unhashed_first) = p->next;
    if (b->unhashed_last == p)
        b->unhashed_last = previous;
    b->n_unhashed--;
}

void books_drop_partial(struct books *b, uint32_t piece)
{
    struct partial *p = b->partials[piece], *previous = NULL;

    if (!p)
        return;
    if (p->state == PARTIAL_WAITING) {
        for (struct partial *at = b->unhashed_first; at != p; at = at->next)
            previous = at;
        books_unqueue(b, previous, p);
    }
    if (p->buffer)
        piece_buffers_release(b->buffers, p->buffer);
    free(p);
    b->partials[piece] = NULL;
}

void books_verify(struct books *b, uint32_t piece, enum piece_place place)
{
    books_drop_partial(b, piece);
    bitfield_set(&b->verified, piece);
    if (place == PIECE_IN_OWN_SLOT)
        bitfield_set(&b->have, piece);
}

void partial_add_padding(struct partial *p, const struct metainfo *meta, const struct addr *from)
{
    for (uint32_t first = 0; first < p->n_blocks; first += 64) {
        for (uint64_t left = padding_blocks(meta, p->piece, first); left; left &= left - 1) {
            uint32_t block = first + (uint32_t)__builtin_ctzll(left);

            partial_add_block(p, block);
            if (from)
                p->from[block] = *from;
        }
    }
}

/* --- blocks ---------------------------------------------------------------------------------- */

uint64_t partial_missing(const struct partial *p, uint32_t first_block, uint64_t blocks)
{
    for (uint32_t i = 0; i < 64 && blocks >> i; i++)
        if (blocks >> i & 1 &&
            (bit_test(p->on_disk, first_block + i) || bit_test(p->writing, first_block + i)))
            blocks &= ~(UINT64_C(1) << i);
    return blocks;
}

void partial_begin_write(struct partial *p, uint32_t first_block, uint64_t blocks)
{
    for (uint32_t i = 0; i < 64; i++)
        if (blocks >> i & 1)
            bit_set(p->writing, first_block + i);
}

void partial_fail_write(struct partial *p, uint32_t first_block, uint64_t blocks)
{
    for (uint32_t i = 0; i < 64; i++)
        if (blocks >> i & 1)
            bit_clear(p->writing, first_block + i);
}

void partial_add_block(struct partial *p, uint32_t block)
{
    p->n_stored += !bit_test(p->on_disk, block);
    bit_set(p->on_disk, block);
}

void books_end_write(struct books *b, struct partial *p, uint32_t first_block, uint64_t blocks,
                     const struct addr *from)
{
    for (uint32_t i = 0; i < 64; i++) {
        if (!(blocks >> i & 1))
            continue;
        bit_clear(p->writing, first_block + i);
        partial_add_block(p, first_block + i);
        p->from[first_block + i] = *from;
    }
    if (p->n_stored < p->n_blocks || p->state != PARTIAL_OPEN)
        return;
    p->state = PARTIAL_WAITING;
    p->next = NULL;
    *(b->unhashed_last ? &b->unhashed_last->next : &b->unhashed_first) = p;
    b->unhashed_last = p;
    b->n_unhashed++;
}

/* --- stored blocks -------------------------------------------------------------------------- */

/* Compact: verified, but in another slot than its own, so that it is not served yet. */
static bool is_guest(const struct books *b, uint32_t piece)
{
    return bitfield_test(&b->verified, piece) && !bitfield_test(&b->have, piece);
}

static uint64_t stored_word(const struct books *b, uint32_t piece, uint32_t at)
{
    const struct partial *p = b->partials[piece];
    uint32_t n = geometry_n_blocks(b->geometry, piece) - at;

    if (is_guest(b, piece))
        return n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
    return p ? p->on_disk[at / 64] : 0;
}

/* Writes the runs of stored blocks to RUNS unless it is NULL; how many they are. */
static size_t list_runs(const struct books *b, struct stored_run *runs)
{
    size_t n = 0;

    for (uint32_t piece = 0; piece < b->geometry->n_pieces; piece++) {
        uint32_t n_blocks = geometry_n_blocks(b->geometry, piece);

        if (!b->partials[piece] && !is_guest(b, piece))
            continue;
        for (uint32_t at = 0; at < n_blocks; at += 64) {
            uint64_t blocks = stored_word(b, piece, at);

            if (blocks && runs)
                runs[n] = (struct stored_run){blocks, piece, at};
            n += blocks != 0;
        }
    }
    return n;
}

int books_list_stored(const struct books *b, struct stored_blocks *storedp)
{
    size_t n = list_runs(b, NULL);

    *storedp = STORED_BLOCKS_EMPTY;
    if (!n)
        return 0;
    storedp->runs = malloc(n * sizeof *storedp->runs);
    if (!storedp->runs)
        return -ENOMEM;
    storedp->n = list_runs(b, storedp->runs);
    return 0;
}
