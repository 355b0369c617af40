/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_MASTER_SETTINGS_H
#define CONJURE_ACTORS_MASTER_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/torrent/metainfo.h"

/* What may be different from torrent to torrent. */
struct torrent_settings {
    uint64_t max_upload_limit, max_download_limit; /* of this torrent alone, bytes per second; 0:
                                                      none */
    double seed_ratio;    /* of what was uploaded in all runs; 0: not asked for */
    uint64_t seed_time_s; /* UINT64_MAX: not asked for */
    bool super_seed;      /* BEP 16; looked at when the torrent starts */
};

struct torrent_section {
    char *torrent; /* its name, or its info-hash as 40 lower-case hex digits */
    struct torrent_settings settings;
};

/* What may change while Master runs: master_config.reload brings all of it again. */
struct master_settings {
    struct torrent_settings each; /* of a torrent that has no section */
    struct torrent_section *sections;
    uint32_t n_sections;
    unsigned max_peers; /* 0: as many as the limit of open files allows, MASTER_PEERS_MAX at most */
    uint64_t max_upload_limit, max_download_limit; /* of all together, bytes per second; 0: none */
    bool limit_lan; /* all limits hold for peers in the local network, too */
};
#define MASTER_SETTINGS_EMPTY \
    ((struct master_settings){.each.seed_time_s = UINT64_MAX, .limit_lan = true})

/* Frees the sections. Safe on MASTER_SETTINGS_EMPTY and safe twice. */
void master_settings_deinit(struct master_settings *s);

/* What holds for this torrent; a section that names its info-hash goes before one that has its name.
 * Valid as long as S is as it is. Any thread. */
const struct torrent_settings *master_settings_of(const struct master_settings *s,
                                                  const struct metainfo *meta);

#endif
