/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_CLI_COMMAND_LINE_H
#define CONJURE_SRC_CLI_COMMAND_LINE_H

#include <stdio.h>

#include "conjure/cli/options.h"

/*
 * The parser of the main job's command line. The subcommands (create, show, tracker) parse their
 * own, each in its own file. Main thread only: getopt(3) has global state.
 */
enum command_line_result {
    COMMAND_LINE_RUN = 0,
    COMMAND_LINE_SHOWN, /* help or version was written to OUT: exit with EXIT_DONE */
    COMMAND_LINE_WRONG, /* the usage error was written to ERR: exit with EXIT_USAGE */
};

/* Sets in O the options of ARGV, whose words may be reordered. Writes help and version to OUT; a
 * usage error to ERR, as one line that begins with "conjure:" and one that names --help. Reads
 * XDG_STATE_HOME and HOME. */
enum command_line_result command_line_parse(struct options *o, int argc, char **argv, FILE *out,
                                            FILE *err);

#endif
