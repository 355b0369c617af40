/* SPDX-License-Identifier: MIT */
#include "cli/option_table.h"

#include <stdio.h>

#include "conjure/cli/options.h"

#define OPTION_ROW(id, letter, name, argument, help) {letter, name, argument, help},
const struct option_row option_table[N_OPTIONS] = {OPTION_TABLE(OPTION_ROW)};

/* Where the explanations begin; the longest option ends one column before. */
#define HELP_COLUMN 33

void options_write_help(FILE *out)
{
    fputs("Usage: conjure [OPTION]... FILE.torrent...\n"
          "       conjure -d [OPTION]... [FILE.torrent]...\n"
          "       conjure create PATH [-o FILE] [-t TRACKER]...\n"
          "       conjure show FILE... [--json]\n"
          "       conjure tracker [-p PORT]\n"
          "\n"
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
          "Rates take the suffixes K, M and G. Without --seed-ratio and --seed-time it\n"
          "ends when every wanted byte is verified.\n"
          "\n"
          "Exit status: 0 done, 1 error, 2 usage, 3 not a torrent or refused, 4 nobody\n"
          "reachable, 7 stopped by a signal before completion, 9 disk full.\n"
          "Options may stand in ~/.config/conjure/conjure.conf, too, as key = value.\n"
          "The manual, conjure(1), says more.\n",
          out);
}
