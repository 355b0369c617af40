/* SPDX-License-Identifier: MIT */
#include "cli/help.h"

#include "cli/option_table.h"

/* The column of the explanations; the longest option ends one column before it. */
#define HELP_COLUMN 33

#if CONJURE_WITH_JSON
#define USAGE_JSON " [--json]"
#else
#define USAGE_JSON ""
#endif
#if CONJURE_WITH_TRACKER
#define USAGE_TRACKER "       conjure tracker [-p PORT]\n"
#else
#define USAGE_TRACKER ""
#endif

void help_write(FILE *out)
{
    fputs("Usage: conjure [OPTION]... FILE.torrent...\n"
          "       conjure -d [OPTION]... [FILE.torrent]...\n"
          "       conjure create PATH [-o FILE] [-t TRACKER]...\n"
          "       conjure show FILE..." USAGE_JSON "\n" USAGE_TRACKER "\n"
          "Downloads the content of torrents, verifies every piece and shares it.\n"
          "\n",
          out);
    for (const struct option_row *o = option_table; o < option_table + N_OPTIONS; o++) {
        int n = o->letter ? fprintf(out, "  -%c, ", o->letter) : fprintf(out, "      ");

        n += fprintf(out, "--%s", o->name);
        if (o->argument)
            n += fprintf(out, "=%s", o->argument);
        fprintf(out, "%*s%s\n", HELP_COLUMN - n, "", o->help);
    }
    fputs("\n"
          "Rates may have the suffixes K, M, G and T. Without --seed-ratio, --seed-time\n"
          "and -d, conjure exits when every wanted byte is verified.\n"
          "\n"
          "Exit status: 0 done, 1 error, 2 usage error, 3 invalid torrent, 4 no peer\n"
          "reachable, 7 stopped by a signal before completion, 9 disk full, 13 a file\n"
          "of the user is in the way.\n"
          "Options can also be set in ~/.config/conjure/conjure.conf, as key = value.\n"
          "The full documentation is the manual page, conjure(1).\n",
          out);
}
