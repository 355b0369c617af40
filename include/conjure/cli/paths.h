/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_PATHS_H
#define CONJURE_CLI_PATHS_H

/* Paths of files and folders. Any thread, while no other thread changes the environment or the
 * current folder. The caller frees each result. */

/* The program's folder in a base folder of the XDG specification: in the one that VARIABLE names,
 * if that is absolute, else in BELOW_HOME ("/.config") of the user's home. NULL: the user has no
 * home. */
char *paths_xdg(const char *variable, const char *below_home);

/* PATH made absolute, from the current folder. Symbolic links are not resolved. */
char *paths_absolute(const char *path);

#endif
