/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_CLOCK_H
#define CONJURE_BASE_CLOCK_H

#include <stdint.h>

/*
 * Time is a count of nanoseconds since the system started, in a uint64_t named `now` or `..._ns`.
 * It includes the time that the system was suspended: what came due in that time is overdue when
 * it resumes. A sleep of the kernel does not count that time, so long sleeps are cut in parts.
 * Only actors read the clock; pure modules get `now` as a parameter, so that tests control it.
 */
#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

/* Nanoseconds of CLOCK_BOOTTIME; any thread. */
uint64_t clock_now(void);

#endif
