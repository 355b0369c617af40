/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_MASTER_SETTINGS_H
#define CONJURE_ACTORS_MASTER_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/torrent/metainfo.h"

/* The settings that may differ between torrents. */
struct torrent_settings {
    uint64_t max_upload_limit, max_download_limit; /* of this torrent alone, bytes per second; 0:
                                                      none */
    double seed_ratio;    /* stop at this uploaded / wanted, over all runs; 0: no ratio */
    uint64_t seed_time_s; /* stop after so many seconds of seeding; UINT64_MAX: no time */
    bool super_seed;      /* BEP 16; takes effect when the torrent starts */
};

struct torrent_section {
    char *torrent; /* its name, or its info-hash as 40 lower-case hex digits */
    struct torrent_settings settings;
};

/* The settings that may change while Master runs: master_config.reload fills in all of them. */
struct master_settings {
    const char *source; /* where a reload read them, borrowed; logged when they are in force */
    struct torrent_settings each; /* of a torrent that has no section */
    struct torrent_section *sections;
    uint32_t n_sections;
    unsigned max_peers; /* 0: as many as the limit of open files allows, MASTER_PEERS_MAX at most */
    uint64_t max_upload_limit, max_download_limit; /* of all together, bytes per second; 0: none */
    uint32_t save_interval_s; /* between two saves of changed resume data, and of statistics; 1 or
                                 more */
    bool limit_lan;           /* the limits hold for peers in the local network too */
};
#define MASTER_SETTINGS_EMPTY  \
    ((struct master_settings){ \
        .each.seed_time_s = UINT64_MAX, .save_interval_s = 60, .limit_lan = true})

/* Frees the sections. Safe on MASTER_SETTINGS_EMPTY and safe twice. */
void master_settings_deinit(struct master_settings *s);

/* The settings of this torrent: of the section with its info-hash, or else with its name, or
 * S->each. Valid as long as S does not change. Any thread. */
const struct torrent_settings *master_settings_of(const struct master_settings *s,
                                                  const struct metainfo *meta);

#endif
