/* SPDX-License-Identifier: MIT */
#include "conjure/actors/master_settings.h"

#include <stdlib.h>
#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/base/sha1.h"

void master_settings_deinit(struct master_settings *s)
{
    for (uint32_t i = 0; i < s->n_sections; i++)
        free(s->sections[i].torrent);
    free(s->sections);
    *s = MASTER_SETTINGS_EMPTY;
}

const struct torrent_settings *master_settings_of(const struct master_settings *s,
                                                  const struct metainfo *meta)
{
    const struct torrent_settings *found = &s->each;
    char hash[2 * SHA1_SIZE + 1];

    hex_encode(metainfo_info_hash(meta), SHA1_SIZE, hash);
    for (uint32_t i = 0; i < s->n_sections; i++) {
        const struct torrent_section *section = &s->sections[i];

        if (!strcmp(section->torrent, hash))
            return &section->settings;
        if (!strcmp(section->torrent, metainfo_name(meta)))
            found = &section->settings;
    }
    return found;
}
