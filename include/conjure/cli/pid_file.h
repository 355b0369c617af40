/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_PID_FILE_H
#define CONJURE_CLI_PID_FILE_H

/*
 * The file that tells scripts which process the daemon is. It refuses nobody: that is the business of
 * the lock in the state folder. Any thread.
 */

/* Whether it could be written: 0 or -errno. To be asked while there is a terminal to complain to. */
int pid_file_probe(const char *path);

/* Writes our process's id, beside and by rename, so that a reader sees all of it. 0 or -errno. */
int pid_file_write(const char *path);

#endif
