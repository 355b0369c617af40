/* SPDX-License-Identifier: MIT */
#include "actors/lobby/trouble.h"

#include "conjure/base/clock.h"

#define LOG_EVERY_NS (60 * NS_PER_S)

bool troubles_must_log(struct troubles *t, enum trouble trouble, uint64_t now)
{
    uint64_t *at = &t->logged_ns[trouble];

    if (*at && now - *at < LOG_EVERY_NS)
        return false;
    *at = now;
    return true;
}
