/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_SETTINGS_H
#define CONJURE_CLI_SETTINGS_H

#include <stdio.h>

#include "conjure/actors/master_settings.h"
#include "conjure/base/log.h"
#include "conjure/cli/options.h"

/*
 * What a run is told to do: the configuration file, and above it the command line. Main thread only.
 */
struct settings {
    struct options o;    /* of both */
    struct options line; /* of the command line alone */
    int argc;            /* of main, and for as long as it runs */
    char **argv;
    char *path; /* owned and absolute: the configuration file; NULL: there is no place for one */
    bool must_exist; /* it was named, or it was there before */
};
#define SETTINGS_EMPTY ((struct settings){.o = OPTIONS_DEFAULT, .line = OPTIONS_DEFAULT})

/* Reads both into S, which is empty. As options_parse; a complaint about a line of the file begins with
 * the file's path and the line's number. Reads XDG_CONFIG_HOME, too. */
int settings_read(struct settings *s, int argc, char **argv, FILE *out, FILE *err);
void settings_deinit(struct settings *s); /* safe on SETTINGS_EMPTY and safe twice */

/* Reads both again. 0: NEW, which is empty, holds all that may change, the log's threshold has
 * changed, and what cannot change before the next start is said in the log. -1: something is wrong,
 * which is said there, too, and nothing has changed. */
int settings_reload(struct settings *s, struct master_settings *new);

/* What Master is to know of O, in OUT, which is empty. */
void settings_for_master(const struct options *o, struct master_settings *out);

/* The threshold of the log that -v, -q and -d ask for. */
enum log_level settings_log_level(const struct options *o);

#endif
