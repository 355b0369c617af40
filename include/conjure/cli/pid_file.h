/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_PID_FILE_H
#define CONJURE_CLI_PID_FILE_H

/*
 * A file with the process id of the daemon, for scripts. It does not prevent a second daemon: the
 * lock of the state folder does.
 * Any thread.
 */

/* Returns 0 if the file could be written, or -errno. Call it while the daemon can still print
 * errors. */
int pid_file_probe(const char *path);

/* Writes the id of this process to a new file and renames it to PATH, so that a reader never sees a
 * part of it. Returns 0 or -errno. */
int pid_file_write(const char *path);

#endif
