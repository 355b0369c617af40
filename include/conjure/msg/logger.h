/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_LOGGER_H
#define CONJURE_MSG_LOGGER_H

#include "conjure/msg/table.h"

/* The inbox of Logger: every line of the log. */
/* clang-format off */
#define LOGGER_TABLE(INFO, QUERY, REPLY)                                                           \
    INFO(logger, entry, Entry, "one line for the log", int level; /* enum log_level */             \
         const char *facility; /* a literal */ char text[]; /* NUL-terminated */)                  \
    QUERY(logger, shutdown, Shutdown, "write all lines and end", )
/* clang-format on */

MSG_INBOX(logger, LOGGER_TABLE);

#endif
