/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_COMMANDS_H
#define CONJURE_CLI_COMMANDS_H

/*
 * The subcommands of the program. argv[0] is the name of the subcommand. Each runs in the main
 * thread and returns an enum exit_code.
 */

/* conjure create PATH [-o FILE] [-t TRACKER]...: makes a torrent of a file or folder. */
int cli_create(int argc, char **argv);

/* conjure show FILE... [--json]: prints the properties of torrents, or why one is invalid. */
int cli_show(int argc, char **argv);

/* conjure tracker [-p PORT]: runs a tracker, over HTTP and UDP, until SIGINT or SIGTERM. Only in a
 * program built with CONJURE_WITH_TRACKER. */
int cli_tracker(int argc, char **argv);

#endif
