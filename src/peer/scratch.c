/* SPDX-License-Identifier: MIT */
#include "conjure/peer/scratch.h"

#include <errno.h>
#include <stdlib.h>

int session_scratch_init(struct session_scratch *x)
{
    *x = SESSION_SCRATCH_EMPTY;
    /* Large, but pages are touched only when bytes are read into them or gathered there. */
    x->bytes = malloc(SCRATCH_SIZE);
    return x->bytes ? 0 : -ENOMEM;
}

void session_scratch_deinit(struct session_scratch *x)
{
    free(x->bytes);
    *x = SESSION_SCRATCH_EMPTY;
}
