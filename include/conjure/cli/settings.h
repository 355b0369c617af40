/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_SETTINGS_H
#define CONJURE_CLI_SETTINGS_H

#include <stdio.h>

#include "conjure/actors/master_settings.h"
#include "conjure/base/log.h"
#include "conjure/cli/options.h"

/*
 * The options of a run: those of the configuration file, overridden by the command line. Main
 * thread only.
 */
struct settings {
    struct options o;    /* both merged */
    struct options line; /* the command line alone */
    int argc;            /* as main got them; borrowed until settings_deinit */
    char **argv;
    char *path;      /* owned and absolute: the configuration file; NULL: no home folder */
    bool must_exist; /* --config names the file, or it existed before */
};

enum settings_result {
    SETTINGS_RUN = 0,
    SETTINGS_SHOWN, /* help or version was written to OUT: exit with EXIT_DONE */
    SETTINGS_WRONG, /* the usage error was written to ERR: exit with EXIT_USAGE */
};
#define SETTINGS_EMPTY ((struct settings){.o = OPTIONS_DEFAULT, .line = OPTIONS_DEFAULT})

/* Reads the command line and the configuration file into S, which is empty. A complaint about a
 * line of the file begins with the file's path and the number of the line. Reads the environment:
 * XDG_CONFIG_HOME, XDG_STATE_HOME, HOME. */
enum settings_result settings_read(struct settings *s, int argc, char **argv, FILE *out, FILE *err);
void settings_deinit(struct settings *s); /* safe on SETTINGS_EMPTY and safe twice */

/* Reads the file and the command line again. On success returns 0. Then NEW, which must be empty
 * before, holds the settings that can change at run time; the log threshold is set; and the log
 * names each changed option that takes effect only at the next start. Returns -1 after an error,
 * which was logged: nothing has changed. */
int settings_reload(struct settings *s, struct master_settings *new);

/* Copies the settings that concern Master from O to OUT, which is empty. */
void settings_for_master(const struct options *o, struct master_settings *out);

/* The log threshold that follows from -v, -q and -d. */
enum log_level settings_log_level(const struct options *o);

#endif
