/* SPDX-License-Identifier: MIT */
#include "interest/effects.h"

#include <stdlib.h>

#include "conjure/base/alloc.h"

void effects_deinit(struct effects *q)
{
    free(q->items);
    *q = EFFECTS_EMPTY;
}

void effects_add(struct effects *q, struct interest_effect effect)
{
    mem_reserve(&q->items, &q->room, q->n + 1, sizeof *q->items);
    q->items[q->n++] = effect;
}

bool effects_next(struct effects *q, struct interest_effect *effectp)
{
    if (q->at == q->n) {
        q->at = q->n = 0;
        return false;
    }
    *effectp = q->items[q->at++];
    return true;
}
