/* SPDX-License-Identifier: MIT */
#include "peer/internal.h"

#include <errno.h>

int session_break(struct session *s, const char *reason)
{
    if (!session_is_broken(s)) {
        s->state = STATE_BROKEN;
        s->reason = reason;
    }
    return s->state == STATE_BROKEN ? -EPROTO : -ENOMEM;
}

int session_break_no_memory(struct session *s)
{
    if (!session_is_broken(s)) {
        s->state = STATE_NO_MEMORY;
        s->reason = "out of memory";
    }
    return -ENOMEM;
}
