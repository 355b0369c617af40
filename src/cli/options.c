/* SPDX-License-Identifier: MIT */
#include "conjure/cli/options.h"

#include <stdlib.h>

void options_deinit(struct options *o)
{
    for (uint32_t i = 0; i < o->n_sections; i++)
        free(o->sections[i].torrent);
    free(o->sections);
    free(o->selected);
    free(o->dir);
    free(o->state_dir);
    free(o->torrents_dir);
    free(o->config);
    free(o->pid_file);
    *o = OPTIONS_DEFAULT;
}

bool options_selects(const struct options *o, uint32_t file)
{
    for (uint32_t i = 0; i < o->n_selected; i++)
        if (file >= o->selected[i].first - 1 && file <= o->selected[i].last - 1)
            return true;
    return !o->n_selected;
}

uint32_t options_last_selected(const struct options *o)
{
    uint32_t last = 0;

    for (uint32_t i = 0; i < o->n_selected; i++)
        if (o->selected[i].last > last)
            last = o->selected[i].last;
    return last;
}
