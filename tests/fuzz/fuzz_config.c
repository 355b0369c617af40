/* SPDX-License-Identifier: MIT */
/* The configuration file. Accepted settings must be possible on the command line too. */
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(void *arg, const char *text)
{
    unsigned *n = arg;

    if (strncmp(text, "conf:", 5) || strpbrk(text, "\n\r\033") || strlen(text) > 500)
        abort();
    ++*n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct options o = OPTIONS_DEFAULT;
    unsigned n_heard = 0;
    unsigned n_wrong = config_parse("conf", (const char *)data, size, &o, look_at, &n_heard);

    if (n_heard != (n_wrong > CONFIG_WRONG_MAX ? CONFIG_WRONG_MAX + 1 : n_wrong))
        abort();
    if (!n_wrong) {
        if (o.daemon || o.selected || o.config || (o.verbose && o.quiet) ||
            o.max_peers > OPTIONS_PEERS_MAX || o.seed_ratio < 0 || o.seed_ratio > 1e6)
            abort();
        for (uint32_t i = 0; i < o.n_sections; i++)
            if (!o.sections[i].torrent || !*o.sections[i].torrent || !o.sections[i].line)
                abort();
    }
    options_deinit(&o);
    return 0;
}
