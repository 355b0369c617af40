/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_CONFIG_H
#define CONJURE_CLI_CONFIG_H

#include <stddef.h>

#include "conjure/cli/options.h"

/*
 * The configuration file: long options as `key = value`, a line each, options without argument with
 * yes or no; comments that begin with '#'; empty lines. After `[NAME-or-INFO-HASH]` come settings of
 * that torrent alone. Pure; any thread.
 */

#define CONFIG_SIZE_MAX     (1u << 20)
#define CONFIG_SECTIONS_MAX 4096u
#define CONFIG_WRONG_MAX    20 /* lines that are complained about; then "more lines are wrong" */

/* Takes one complaint: a line without its newline. */
typedef void config_complain(void *arg, const char *text);

/* Sets in O what the SIZE bytes of TEXT say, and complains about every line that is wrong as
 * "NAME:7: max-peers: 'many' is not a number between 1 and 100000". Returns how many complaints
 * there were; with any, part of O is set, and O is good for options_deinit alone. */
unsigned config_parse(const char *name, const char *text, size_t size, struct options *o,
                      config_complain *complain, void *arg);

#endif
