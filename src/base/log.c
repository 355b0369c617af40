/* SPDX-License-Identifier: MIT */
#include "conjure/base/log.h"

#include <stdatomic.h>
#include <stdio.h>

_Atomic enum log_level log_threshold = LOG_LEVEL_WARNING;

static _Atomic(log_sink *) sink;

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"error", "warning", "notice", "info", "debug"};

    return names[level];
}

void log_set_sink(log_sink *new_sink)
{
    atomic_store(&sink, new_sink);
}

void log_to_stderr(enum log_level level, const char *facility, const char *text)
{
    fprintf(stderr, "conjure: %s: %s\n", facility, text);
}

void log_line(enum log_level level, const char *facility, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    log_sink *to = atomic_load(&sink);
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* Logged text may come from a peer: no control character may reach a terminal. */
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    (to ? to : log_to_stderr)(level, facility, text);
}
