/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_TERMINAL_H
#define CONJURE_CLI_TERMINAL_H

#include <stdbool.h>

#include "conjure/cli/progress.h"

/*
 * Writes the progress line and permanent lines to standard output. On a terminal each progress line
 * replaces the previous one; otherwise it is printed below it. After terminal_start, only Master's
 * thread calls these functions.
 */

/* Call once, before any other thread starts. QUIET: all other calls do nothing. */
void terminal_start(bool quiet);

/* Whether standard output is a terminal. When not, the caller shows progress only every
 * TERMINAL_PLAIN_S seconds. */
bool terminal_is_live(void);
#define TERMINAL_PLAIN_S 10

/* Draws the progress line, at the present width of the terminal. */
void terminal_show(const struct progress_view *v);

/* Removes the progress line, if there is one. */
void terminal_clear(void);

/* Prints a line that stays. */
void terminal_print(const char *text);

/* For logger_start: a prefix for each line that another thread writes to stderr, in the same write.
 * It clears the progress line if stdout and stderr are both a terminal; otherwise it is "". The
 * text is static. */
const char *terminal_log_prefix(void);

#endif
