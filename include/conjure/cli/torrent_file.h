/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CLI_TORRENT_FILE_H
#define CONJURE_CLI_TORRENT_FILE_H

#include "conjure/cli/exit_code.h"
#include "conjure/torrent/metainfo.h"

/* Loads the torrent at PATH. Returns EXIT_DONE with *MP, which the caller frees by metainfo_free;
 * or, with a REASON that was written to stderr after PATH, EXIT_REFUSED for an invalid torrent and
 * EXIT_ERROR for a file that cannot be read. Any thread; blocks on the disk. */
enum exit_code torrent_file_load(const char *path, struct metainfo **mp,
                                 char reason[METAINFO_REASON_MAX]);

#endif
