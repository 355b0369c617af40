/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_STATE_STATE_H
#define CONJURE_STATE_STATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The state folder of a daemon: who has it, and what was done over all runs. All return 0 or -errno,
 * or a condition from here.
 */
enum {
    STATE_LOCKED = 1,  /* by another process */
    STATE_CORRUPT = 1, /* the reason says why */
};

/* Takes the lock file PATH for as long as *FDP is open, and writes our pid into it. STATE_LOCKED with
 * *HOLDERP, the pid of who has it (0: it is not written there). The file stays; whoever dies lets go
 * of it. */
int state_lock(const char *path, int *fdp, pid_t *holderp);

/* Renames PATH to PATH.corrupt, in place of one that was set aside before. */
int state_set_aside(const char *path);

/*
 * What a daemon did, over all of its runs, as a B-coded file:
 *
 *   conjure      version, 1
 *   downloaded   content bytes
 *   running      seconds
 *   starts
 *   uploaded     content bytes
 */
struct statistics {
    uint64_t uploaded, downloaded;
    uint64_t n_starts;
    uint64_t running_s;
};
#define STATISTICS_EMPTY      ((struct statistics){0})
#define STATISTICS_REASON_MAX 160

/* *BYTESP is the caller's. 0 or -ENOMEM. */
int statistics_encode(const struct statistics *s, uint8_t **bytesp, size_t *np);
/* 0, STATE_CORRUPT with a REASON, or -ENOMEM. */
int statistics_decode(const uint8_t *bytes, size_t n, struct statistics *s,
                      char reason[STATISTICS_REASON_MAX]);
/* The same with files; writing is safe against a crash at any time. -errno as well. */
int statistics_save(const char *path, const struct statistics *s);
int statistics_load(const char *path, struct statistics *s, char reason[STATISTICS_REASON_MAX]);

#endif
