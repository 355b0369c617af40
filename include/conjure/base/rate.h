/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_RATE_H
#define CONJURE_BASE_RATE_H

#include <stdint.h>

/*
 * A rate meter like the original client's: bytes over a sliding window of at most RATE_WINDOW_NS,
 * so that a new meter has a rate at once and old traffic no longer counts. Pure: time is a
 * parameter. One thread at a time.
 */
#define RATE_WINDOW_NS (UINT64_C(10) * 1000000000)

struct rate {
    uint64_t total;    /* bytes since the meter was made */
    uint64_t since_ns; /* start of the window */
    uint64_t last_ns;  /* of the last update */
    double per_s;      /* bytes per second over the window */
};
#define RATE_EMPTY ((struct rate){0})

void rate_add(struct rate *r, uint64_t bytes, uint64_t now);

/* Bytes per second as of NOW. */
uint64_t rate_get(struct rate *r, uint64_t now);

#endif
