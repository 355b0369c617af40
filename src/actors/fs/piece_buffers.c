/* SPDX-License-Identifier: MIT */
#include "actors/fs/piece_buffers.h"

#include <stdlib.h>

#include "conjure/msg/interest.h" /* CLAIM_BLOCKS_MAX */

#define BUFFER_SIZE ((size_t)CLAIM_BLOCKS_MAX * BLOCK_SIZE)

void kept_shrink(struct kept *k)
{
    while (k->n_spare)
        free(k->spare[--k->n_spare]);
}

void kept_deinit(struct kept *k)
{
    while (k->n_pieces)
        free(k->pieces[--k->n_pieces].data);
    kept_shrink(k);
}

uint8_t *kept_exchange(struct kept *k, const struct storage *s, uint32_t piece, uint8_t *data)
{
    uint8_t *other;

    if (k->n_pieces + k->n_spare >= KEPT_MAX && !k->n_spare)
        return NULL;
    other = k->n_spare ? k->spare[--k->n_spare] : malloc(BUFFER_SIZE);
    if (other)
        k->pieces[k->n_pieces++] = (struct kept_piece){s, piece, data};
    return other;
}

static struct kept_piece *find(struct kept *k, const struct storage *s, uint32_t piece)
{
    for (unsigned i = 0; i < k->n_pieces; i++)
        if (k->pieces[i].storage == s && k->pieces[i].piece == piece)
            return &k->pieces[i];
    return NULL;
}

static void release(struct kept *k, struct kept_piece *p)
{
    k->spare[k->n_spare++] = p->data;
    *p = k->pieces[--k->n_pieces];
}

void kept_lend(struct kept *k, const struct storage *s, struct disk_job *job)
{
    for (unsigned i = 0; i < disk_job_n_pieces(job); i++) {
        struct kept_piece *p = find(k, s, disk_job_piece(job, i));

        if (p)
            disk_job_use_bytes(job, i, p->data);
    }
}

void kept_release(struct kept *k, const struct storage *s, const struct disk_job *job)
{
    for (unsigned i = 0; i < disk_job_n_pieces(job); i++) {
        struct kept_piece *p = find(k, s, disk_job_piece(job, i));

        if (p)
            release(k, p);
    }
}

void kept_forget(struct kept *k, const struct storage *s)
{
    for (unsigned i = k->n_pieces; i-- > 0;)
        if (k->pieces[i].storage == s)
            release(k, &k->pieces[i]);
}
