/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_EXIT_CODE_H
#define CONJURE_CLI_EXIT_CODE_H

/* Exit codes of the program and its subcommands, as the man page lists them. */
enum exit_code {
    EXIT_DONE = 0,        /* every wanted byte is verified */
    EXIT_ERROR = 1,       /* any error without a code of its own */
    EXIT_USAGE = 2,       /* a usage error on the command line or in the configuration file */
    EXIT_REFUSED = 3,     /* not a torrent, or an invalid or unsupported one */
    EXIT_UNREACHABLE = 4, /* no tracker and no peer replies */
    EXIT_STOPPED = 7,     /* stopped by a signal before completion */
    EXIT_DISK_FULL = 9,
    EXIT_FILE_EXISTS = 13, /* a file is not of the torrent, or not any more; aria2's code, too */
};

#endif
