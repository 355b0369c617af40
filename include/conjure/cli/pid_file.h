/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_PID_FILE_H
#define CONJURE_CLI_PID_FILE_H

/*
 * The file that names the daemon's process to scripts. It is not a lock: the state folder has one.
 * Any thread.
 */

/* Returns 0 if the file could be written, or -errno. Call it while the daemon can still print
 * errors. */
int pid_file_probe(const char *path);

/* Writes the id of this process to a new file and renames it to PATH, so that a reader never sees a
 * part of it. Returns 0 or -errno. */
int pid_file_write(const char *path);

#endif
