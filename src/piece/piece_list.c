/* SPDX-License-Identifier: MIT */
#include "conjure/piece/piece_list.h"

#include <string.h>

static uint32_t find(const struct piece_list *l, uint32_t piece)
{
    uint32_t i = 0;

    while (i < l->n && l->pieces[i] != piece)
        i++;
    return i;
}

bool piece_list_add(struct piece_list *l, uint32_t piece)
{
    if (find(l, piece) < l->n)
        return true;
    if (l->n == PIECE_LIST_MAX)
        return false;
    l->pieces[l->n++] = piece;
    return true;
}

void piece_list_add_newest(struct piece_list *l, uint32_t piece)
{
    uint32_t at = find(l, piece);

    if (at == PIECE_LIST_MAX)
        at = 0;
    if (at < l->n) {
        l->n--;
        memmove(l->pieces + at, l->pieces + at + 1, (l->n - at) * sizeof *l->pieces);
    }
    l->pieces[l->n++] = piece;
}
