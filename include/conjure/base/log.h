/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_LOG_H
#define CONJURE_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

/*
 * Logging as in syslog(3): a facility (the module that logs) and a level. A call above the
 * threshold costs one load and a branch: its arguments are not formatted and nothing is allocated.
 * Any thread may log.
 *
 * The sink writes the text. Before the Logger actor installs its sink, and after Logger has ended,
 * lines are written to stderr.
 */
enum log_level {
    LOG_LEVEL_ERR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

/* One line of a log, without its newline; longer lines are cut. */
#define LOG_LINE_MAX 1024

typedef void log_sink(enum log_level level, const char *facility, const char *text);

/* Set by main; a daemon that reads its configuration again sets it while threads run. */
extern _Atomic enum log_level log_threshold;

/* Installs SINK for all later lines; NULL: stderr again. */
void log_set_sink(log_sink *sink);

/* Writes one line to stderr: "conjure: facility: text". The default sink. */
void log_to_stderr(enum log_level level, const char *facility, const char *text);

const char *log_level_name(enum log_level level);

/* Replaces each byte of a control character in TEXT by '?', because terminals obey them: C0, DEL,
 * and C1 in UTF-8. */
void log_clean(char *text);

/* Cleans the formatted line, cuts it if it is too long, and passes it to the sink. */
void log_line(enum log_level level, const char *facility, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_at(level, facility, ...)                    \
    do {                                                \
        if ((level) <= log_threshold)                   \
            log_line((level), (facility), __VA_ARGS__); \
    } while (0)

#define log_err(facility, ...)     log_at(LOG_LEVEL_ERR, facility, __VA_ARGS__)
#define log_warning(facility, ...) log_at(LOG_LEVEL_WARNING, facility, __VA_ARGS__)
#define log_notice(facility, ...)  log_at(LOG_LEVEL_NOTICE, facility, __VA_ARGS__)
#define log_info(facility, ...)    log_at(LOG_LEVEL_INFO, facility, __VA_ARGS__)
#define log_debug(facility, ...)   log_at(LOG_LEVEL_DEBUG, facility, __VA_ARGS__)

#endif
