/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_STATE_STATISTICS_H
#define CONJURE_STATE_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Totals of all runs of a daemon, as a B-coded file:
 *
 *   conjure      version, 1
 *   downloaded   content bytes
 *   running      seconds
 *   starts
 *   uploaded     content bytes
 */
struct statistics {
    uint64_t uploaded, downloaded; /* content bytes */
    uint64_t n_starts;
    uint64_t running_s;
};
#define STATISTICS_EMPTY      ((struct statistics){0})
#define STATISTICS_REASON_MAX 160

enum statistics_result {
    STATISTICS_CORRUPT = 1, /* see the reason */
};

/* *BYTESP is the caller's. 0 or -ENOMEM. */
int statistics_encode(const struct statistics *s, uint8_t **bytesp, size_t *np);
/* 0, STATISTICS_CORRUPT with a REASON, or -ENOMEM. */
int statistics_decode(const uint8_t *bytes, size_t n, struct statistics *s,
                      char reason[STATISTICS_REASON_MAX]);
/* The same with files. Replaces the file atomically: a crash leaves the old or the new one.
 * -errno as well. */
int statistics_save(const char *path, const struct statistics *s);
int statistics_load(const char *path, struct statistics *s, char reason[STATISTICS_REASON_MAX]);

#endif
