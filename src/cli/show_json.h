/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_CLI_SHOW_JSON_H
#define CONJURE_SRC_CLI_SHOW_JSON_H

/* Prints the torrents at PATHS, which end with NULL, to stdout: a JSON object for one, an array for
 * several. A torrent that cannot be loaded has the key "error". Returns the highest exit code of
 * torrent_file_load. Main thread; blocks on the disk. */
int show_json(char **paths);

#endif
