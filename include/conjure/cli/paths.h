/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_PATHS_H
#define CONJURE_CLI_PATHS_H

/* Paths of files and folders. Only before the program starts threads: getpwuid(3) is used. The
 * caller frees each result. */

/* The path BASE/conjure. BASE is the value of the environment variable VARIABLE (XDG specification)
 * if that is an absolute path, else the user's home followed by BELOW_HOME, such as "/.config".
 * NULL: the user has no home. */
char *paths_xdg(const char *variable, const char *below_home);

/* PATH made absolute, from the current folder. Symbolic links are not resolved. NULL with
 * errno set: there is no current folder, for example because it was removed. */
char *paths_absolute(const char *path);

#endif
