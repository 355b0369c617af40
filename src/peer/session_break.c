/* SPDX-License-Identifier: MIT */
#include "peer/internal.h"

#include <errno.h>

void session_break(struct session *s, int error, const char *reason)
{
    if (session_is_broken(s))
        return;
    s->state = error == -ENOMEM ? STATE_NO_MEMORY : STATE_BROKEN;
    s->reason = error == -ENOMEM ? "out of memory" : reason;
}
