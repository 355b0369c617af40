/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_PATHS_H
#define CONJURE_CLI_PATHS_H

/* Where files are. Any thread, as long as nobody changes the environment or the current folder. The
 * caller frees what comes back. */

/* Our folder in one of the XDG base directory specification: below the one that VARIABLE names,
 * where that is absolute, or below BELOW_HOME ("/.config") of the user's home. NULL: no home. */
char *paths_xdg(const char *variable, const char *below_home);

/* PATH as seen from the current folder. */
char *paths_absolute(const char *path);

#endif
