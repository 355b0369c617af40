/* SPDX-License-Identifier: MIT */
#include "fs/blame.h"

#include <stdlib.h>
#include <string.h>

static size_t size_of(uint32_t n_blocks)
{
    return sizeof(struct blame_attempt) + (size_t)n_blocks * (sizeof(struct addr) + SHA1_SIZE);
}

static void drop_oldest(struct blame *b)
{
    struct blame_attempt *a = b->oldest;

    b->oldest = a->next;
    if (!b->oldest)
        b->youngest = NULL;
    b->n_bytes -= size_of(a->n_blocks);
    free(a);
}

void blame_deinit(struct blame *b)
{
    while (b->oldest)
        drop_oldest(b);
    *b = BLAME_EMPTY;
}

const struct addr *blame_find_single(const struct addr *from, uint32_t n_blocks)
{
    for (uint32_t i = 0; i < n_blocks; i++)
        if (!from[i].family || !addr_equal(&from[i], &from[0]))
            return NULL;
    return n_blocks ? from : NULL;
}

void blame_add(struct blame *b, uint32_t piece, const struct addr *from,
               const uint8_t (*digests)[SHA1_SIZE], uint32_t n_blocks)
{
    size_t size = size_of(n_blocks);
    struct blame_attempt *a;

    if (size > BLAME_BYTES_MAX)
        return;
    while (b->n_bytes + size > BLAME_BYTES_MAX)
        drop_oldest(b);
    a = malloc(size);
    if (!a)
        return;
    *a = (struct blame_attempt){.piece = piece, .n_blocks = n_blocks};
    a->from = (struct addr *)(a + 1);
    a->digests = (uint8_t(*)[SHA1_SIZE])(a->from + n_blocks);
    memcpy(a->from, from, n_blocks * sizeof *from);
    memcpy(a->digests, digests, (size_t)n_blocks * SHA1_SIZE);
    *(b->youngest ? &b->youngest->next : &b->oldest) = a;
    b->youngest = a;
    b->n_bytes += size;
}

bool blame_has(const struct blame *b, uint32_t piece)
{
    for (const struct blame_attempt *a = b->oldest; a; a = a->next)
        if (a->piece == piece)
            return true;
    return false;
}

static void settle_attempt(const struct blame_attempt *a, const uint8_t (*digests)[SHA1_SIZE],
                           void (*guilty)(void *arg, uint32_t piece, const struct addr *sender),
                           void *arg)
{
    for (uint32_t i = 0; i < a->n_blocks; i++) {
        struct addr sender = a->from[i];

        if (!sender.family || !memcmp(a->digests[i], digests[i], SHA1_SIZE))
            continue;
        guilty(arg, a->piece, &sender);
        for (uint32_t j = i; j < a->n_blocks; j++)
            if (addr_equal(&a->from[j], &sender))
                a->from[j] = ADDR_NONE; /* each is named once */
    }
}

void blame_settle(struct blame *b, uint32_t piece, const uint8_t (*digests)[SHA1_SIZE],
                  void (*guilty)(void *arg, uint32_t piece, const struct addr *sender), void *arg)
{
    struct blame_attempt **at = &b->oldest, *last = NULL;

    while (*at) {
        struct blame_attempt *a = *at;

        if (a->piece != piece) {
            last = a;
            at = &a->next;
            continue;
        }
        if (digests)
            settle_attempt(a, digests, guilty, arg);
        *at = a->next;
        b->n_bytes -= size_of(a->n_blocks);
        free(a);
    }
    b->youngest = last;
}
