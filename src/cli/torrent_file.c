/* SPDX-License-Identifier: MIT */
#include "conjure/cli/torrent_file.h"

#include <stdio.h>
#include <string.h>

enum exit_code torrent_file_load(const char *path, struct metainfo **mp,
                                 char reason[METAINFO_REASON_MAX])
{
    int r = metainfo_load(path, mp, reason);

    if (!r)
        return EXIT_DONE;
    if (r < 0)
        snprintf(reason, METAINFO_REASON_MAX, "%s", strerror(-r));
    fprintf(stderr, "conjure: %s: %s\n", path, reason);
    return r > 0 ? EXIT_REFUSED : EXIT_ERROR;
}
