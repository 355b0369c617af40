/* SPDX-License-Identifier: MIT */
#include "conjure/fs/piece_buffers.h"

#include <assert.h>
#include <stdlib.h>

#include "conjure/piece/claim.h"
#include "conjure/piece/geometry.h"

#define BUFFER_SIZE ((size_t)CLAIM_BLOCKS_MAX * BLOCK_SIZE)

void piece_buffers_shrink(struct piece_buffers *b)
{
    while (b->n_spare)
        free(b->spare[--b->n_spare]);
}

void piece_buffers_deinit(struct piece_buffers *b)
{
    assert(b->n_held == 0);
    piece_buffers_shrink(b);
}

uint8_t *piece_buffers_exchange(struct piece_buffers *b)
{
    uint8_t *other;

    owner_assert(&b->thread);
    if (b->n_held == PIECE_BUFFERS_MAX)
        return NULL;
    other = b->n_spare ? b->spare[--b->n_spare] : malloc(BUFFER_SIZE);
    b->n_held += other != NULL;
    return other;
}

void piece_buffers_release(struct piece_buffers *b, uint8_t *buffer)
{
    owner_assert(&b->thread);
    assert(b->n_held);
    b->n_held--;
    b->spare[b->n_spare++] = buffer;
}
