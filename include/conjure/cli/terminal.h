/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_TERMINAL_H
#define CONJURE_CLI_TERMINAL_H

#include <stdbool.h>

#include "conjure/cli/progress.h"

/*
 * Standard output as the process's one terminal: the progress line, and lines that stay. One thread
 * (Master's) calls all of it after terminal_start. On a terminal the progress line is rewritten in
 * place; otherwise lines are printed one below the other.
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

/* The text to write in front of every line that another thread writes to stderr, in the same write:
 * it clears the progress line when both share a terminal, and is "" otherwise. A literal; for
 * logger_start. */
const char *terminal_log_prefix(void);

#endif
