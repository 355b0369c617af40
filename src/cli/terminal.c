/* SPDX-License-Identifier: MIT */
/*
 * Two threads write to one terminal: Master draws the progress line, Logger writes log lines.
 * Neither waits for the other: each draws by a single write(2). A progress line begins with a
 * carriage return and ends with "clear to the end of the line"; a log line follows a carriage
 * return and a clear in the same write (terminal_log_prefix). Whether Logger needs that prefix is
 * decided before it starts.
 *
 * The width is read before each drawing, so SIGWINCH needs no handler.
 */
#include "conjure/cli/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CLEAR "\r\033[K"

/* Set by terminal_start, constant afterwards. */
static bool started;
static bool live;
static bool shared_terminal;

/* Master's: whether a progress line is on the terminal. */
static bool drawn;

void terminal_start(bool quiet)
{
    const char *term = getenv("TERM");

    started = !quiet;
    live = started && isatty(STDOUT_FILENO) && !(term && !strcmp(term, "dumb"));
    shared_terminal = live && isatty(STDERR_FILENO);
    drawn = false;
}

bool terminal_is_live(void)
{
    return live;
}

const char *terminal_log_prefix(void)
{
    return shared_terminal ? CLEAR : "";
}

static void put(const char *text, size_t n)
{
    while (n) {
        ssize_t r = write(STDOUT_FILENO, text, n);

        if (r <= 0)
            return; /* a broken pipe is no reason to stop a download */
        text += r;
        n -= (size_t)r;
    }
}

/* Leaves one column free: many terminals wrap after a character in the last one. */
static unsigned terminal_width(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
        return 79;
    return size.ws_col - 1u;
}

void terminal_show(const struct progress_view *v)
{
    char line[PROGRESS_TEXT_MAX], text[PROGRESS_TEXT_MAX + 8];
    unsigned width;
    int n;

    if (!started)
        return;
    width = live ? terminal_width() : 0;
    if (live && !width)
        return;
    progress_format(v, width, line);
    n = snprintf(text, sizeof text, live ? "\r%s\033[K" : "%s\n", line);
    put(text, (size_t)n);
    drawn = live;
}

void terminal_clear(void)
{
    if (drawn)
        put(CLEAR, sizeof CLEAR - 1);
    drawn = false;
}

void terminal_print(const char *text)
{
    char line[PROGRESS_TEXT_MAX + 8];
    int n;

    if (!started)
        return;
    n = snprintf(line, sizeof line, "%s%.*s\n", live ? CLEAR : "", PROGRESS_TEXT_MAX, text);
    drawn = false;
    put(line, (size_t)n);
}
