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

void log_clean(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
            *p++ = '?'; /* C1 has two bytes in UTF-8: C2 80 to C2 9F */
        else if (*p >= 0x20 && *p != 0x7f)
            continue;
        *p = '?';
    }
}

void log_line(enum log_level level, const char *facility, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    log_sink *to = atomic_load(&sink);
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_clean(text); /* it may come from a peer */
    (to ? to : log_to_stderr)(level, facility, text);
}
