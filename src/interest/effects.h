/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_EFFECTS_H
#define CONJURE_SRC_INTEREST_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>

#include "conjure/interest/effects.h"

/* A queue of messages that the caller of the InterestTable sends to peers. One thread at a time. */
struct effects {
    struct interest_effect *items; /* [at, n) are waiting */
    size_t at, n, room;
};
#define EFFECTS_EMPTY ((struct effects){0})

void effects_deinit(struct effects *q); /* safe twice */

void effects_add(struct effects *q, struct interest_effect effect);
/* Takes the oldest one; false when there is none. */
bool effects_next(struct effects *q, struct interest_effect *effectp);

#endif
