/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_STATE_STATE_H
#define CONJURE_STATE_STATE_H

#include <sys/types.h>

/* The state folder of a daemon: its lock, and corrupt files in it. Any thread; these calls block
 * on the disk. */

enum state_result {
    STATE_LOCKED = 1, /* by another process */
};

/* Takes the lock file PATH for as long as *FDP is open, and writes our pid into it. 0, -errno,
 * or STATE_LOCKED with *HOLDERP, the pid of the holder (0: unknown). The file
 * stays; the kernel releases the lock of a process that dies. */
int state_lock(const char *path, int *fdp, pid_t *holderp);

/* Renames PATH to PATH.corrupt, in place of an earlier one. 0 or -errno. */
int state_set_aside(const char *path);

#endif
