/* SPDX-License-Identifier: MIT */
#include "conjure/base/clock.h"

#include <time.h>

uint64_t clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}
