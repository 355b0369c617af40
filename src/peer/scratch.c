/* SPDX-License-Identifier: MIT */
#include "conjure/peer/scratch.h"

#include <errno.h>
#include <stdlib.h>

int session_scratch_init(struct session_scratch *x)
{
    *x = SESSION_SCRATCH_EMPTY;
    /* Large, but only the pages that an aimed read went wrong for are ever touched. */
    x->bytes = malloc(SCRATCH_SIZE);
    return x->bytes ? 0 : -ENOMEM;
}

void session_scratch_deinit(struct session_scratch *x)
{
    free(x->bytes);
    *x = SESSION_SCRATCH_EMPTY;
}
