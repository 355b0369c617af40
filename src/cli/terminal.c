/* SPDX-License-Identifier: MIT */
/*
 * The driver of the progress line. Two threads write to one terminal: Master draws the line, Logger
 * writes log lines. Neither waits for the other; instead every write is one write(2) that is whole
 * by itself. The line begins with a return and ends by clearing what the one before left over, and
 * a log line is preceded by "return, clear" in the same write (progress_log_prefix). Whether that
 * prefix is needed is settled before there is a second thread.
 *
 * The width is asked for at each drawing, so no SIGWINCH is needed.
 */
#include "conjure/cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CLEAR "\r\033[K"

/* Set by progress_start, constant afterwards. */
static bool started;
static bool live;
static bool shared_terminal;

/* Master's: whether there is a line to take away. */
static bool up;

void progress_start(bool quiet)
{
    const char *term = getenv("TERM");

    started = !quiet;
    live = started && isatty(STDOUT_FILENO) && !(term && !strcmp(term, "dumb"));
    shared_terminal = live && isatty(STDERR_FILENO);
    up = false;
}

bool progress_is_live(void)
{
    return live;
}

const char *progress_log_prefix(void)
{
    return shared_terminal ? CLEAR : "";
}

static void put(const char *text, size_t n)
{
    while (n) {
        ssize_t r = write(STDOUT_FILENO, text, n);

        if (r <= 0)
            return; /* nobody reads it: no reason to stop a download */
        text += r;
        n -= (size_t)r;
    }
}

/* One column stays free: many terminals wrap when the last is written. */
static unsigned terminal_width(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
        return 79;
    return size.ws_col - 1u;
}

void progress_show(const struct progress_view *v)
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
    up = live;
}

void progress_clear(void)
{
    if (up)
        put(CLEAR, sizeof CLEAR - 1);
    up = false;
}

void progress_say(const char *text)
{
    char line[PROGRESS_TEXT_MAX + 8];
    int n;

    if (!started)
        return;
    n = snprintf(line, sizeof line, "%s%.*s\n", live ? CLEAR : "", PROGRESS_TEXT_MAX, text);
    up = false;
    put(line, (size_t)n);
}
