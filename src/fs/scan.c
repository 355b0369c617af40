/* SPDX-License-Identifier: MIT */
#include "fs/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/search.h"
#include "fs/slots.h"

static int compare(const void *a, const void *b, void *arg)
{
    const struct metainfo *meta = arg;

    return memcmp(metainfo_piece_hash(meta, *(const uint32_t *)a),
                  metainfo_piece_hash(meta, *(const uint32_t *)b), SHA1_SIZE);
}

int scan_init(struct scan *x, const struct metainfo *meta)
{
    uint32_t n = metainfo_n_pieces(meta);

    *x = (struct scan){.meta = meta, .n_pieces = n};
    x->by_digest = malloc(((size_t)n + 1) * sizeof *x->by_digest);
    x->found = malloc(((size_t)n + 1) * sizeof *x->found);
    if (!x->by_digest || !x->found || bitfield_init(&x->placed, n) ||
        bitfield_init(&x->unmatched, n)) {
        scan_deinit(x);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        x->by_digest[i] = i;
        x->found[i] = SLOT_NONE;
    }
    qsort_r(x->by_digest, n, sizeof *x->by_digest, compare, (void *)meta);
    return 0;
}

void scan_deinit(struct scan *x)
{
    free(x->by_digest);
    free(x->found);
    bitfield_deinit(&x->placed);
    bitfield_deinit(&x->unmatched);
    *x = SCAN_EMPTY;
}

void scan_keep(struct scan *x, uint32_t slot, uint32_t piece)
{
    x->found[slot] = piece;
    bitfield_set(&x->placed, piece);
}

uint32_t scan_size(const struct scan *x, uint32_t slot)
{
    uint32_t last = x->n_pieces - 1;

    return geometry_piece_size(metainfo_geometry(x->meta), x->pass == SCAN_LAST ? last : slot);
}

static bool is_before(const void *arg, uint32_t i, const void *digest)
{
    const struct scan *x = arg;

    return memcmp(metainfo_piece_hash(x->meta, x->by_digest[i]), digest, SHA1_SIZE) < 0;
}

/* A piece with this hash that has not been found yet, or SLOT_NONE. */
static uint32_t find_piece(const struct scan *x, const uint8_t *digest)
{
    for (uint32_t i = search_count(x->n_pieces, is_before, x, digest); i < x->n_pieces; i++) {
        uint32_t piece = x->by_digest[i];

        if (memcmp(metainfo_piece_hash(x->meta, piece), digest, SHA1_SIZE))
            break;
        if (!bitfield_test(&x->placed, piece))
            return piece;
    }
    return SLOT_NONE;
}

void scan_note(struct scan *x, uint32_t slot, const uint8_t *digest)
{
    uint32_t piece = SLOT_NONE;

    if (digest && x->pass == SCAN_OWN) {
        if (!memcmp(metainfo_piece_hash(x->meta, slot), digest, SHA1_SIZE))
            piece = slot;
    } else if (digest) {
        piece = find_piece(x, digest);
    }
    if (piece == SLOT_NONE || bitfield_test(&x->placed, piece)) {
        bitfield_set(&x->unmatched, slot);
        return;
    }
    scan_keep(x, slot, piece);
}

void scan_next_pass(struct scan *x, struct bitfield *slots)
{
    uint32_t last = x->n_pieces - 1;

    bitfield_clear_all(slots);
    x->pass++;
    if (x->pass == SCAN_LAST &&
        (bitfield_test(&x->placed, last) ||
         geometry_piece_size(metainfo_geometry(x->meta), last) == metainfo_piece_length(x->meta)))
        x->pass = SCAN_DONE;
    if (x->pass < SCAN_DONE)
        for (uint32_t slot = 0; slot < x->n_pieces; slot++)
            /* The last slot is too short for other pieces. */
            if (bitfield_test(&x->unmatched, slot) && slot != last)
                bitfield_set(slots, slot);
    if (!slots->n_set)
        x->pass = SCAN_DONE;
    bitfield_clear_all(&x->unmatched);
}
