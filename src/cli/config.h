/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_CLI_CONFIG_H
#define CONJURE_SRC_CLI_CONFIG_H

#include <stddef.h>

#include "conjure/cli/options.h"

/*
 * The parser of the configuration file. Each line is a long option as `key = value` (yes or no for
 * an option without argument), a comment that begins with '#', or empty. `[NAME-or-INFO-HASH]`
 * begins a section of settings for that torrent alone. Pure; any thread.
 */

#define CONFIG_SIZE_MAX     (1u << 20)
#define CONFIG_SECTIONS_MAX 4096u
#define CONFIG_WRONG_MAX    20 /* complaints; then one more: "more lines are wrong" */

/* Receives one complaint: a line of text without newline, valid during the call only. */
typedef void config_complain(void *arg, const char *text);

/* Sets in O the options of the SIZE bytes of TEXT, and complains about each wrong line as "NAME:7:
 * max-peers: 'many' is not a number between 1 and 100000". Returns the number of wrong lines; when
 * it is not 0, only part of O is set, and the caller may only pass O to options_deinit. */
unsigned config_parse(const char *name, const char *text, size_t size, struct options *o,
                      config_complain *complain, void *arg);

#endif
