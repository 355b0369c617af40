/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_COMMANDS_H
#define CONJURE_CLI_COMMANDS_H

/*
 * The subcommands of the program. argv[0] is the subcommand's own name; options are read with
 * getopt_long(3). Each runs in the main thread to its end and returns the program's exit code.
 */

/* conjure create PATH -o FILE -t TRACKER...: makes a torrent of a file or folder. */
int cli_create(int argc, char **argv);

/* conjure show FILE... [--json]: what a torrent says of itself, or why it is refused (code 3). */
int cli_show(int argc, char **argv);

/* conjure tracker [-p PORT]: a tracker in memory, by HTTP and UDP. */
int cli_tracker(int argc, char **argv);

#endif
