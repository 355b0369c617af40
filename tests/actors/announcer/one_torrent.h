/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_ACTORS_ANNOUNCER_ONE_TORRENT_H
#define CONJURE_TESTS_ACTORS_ANNOUNCER_ONE_TORRENT_H

#include "../../suite.h"

#include <string.h>

#include "actors/announcer/torrent.h"

static struct tracker_list list;
static struct swarm swarm = {.id = 1, .name = "x", .key = 7, .port = 6881};

/* A torrent with N trackers, each in a tier of its own; 5 bytes are left. */
static inline struct announcer_torrent *one_torrent(const char *const *urls, unsigned n)
{
    struct rng rng;

    list = TRACKER_LIST_EMPTY;
    for (unsigned i = 0; i < n; i++) {
        tracker_list_begin_tier(&list);
        ck_assert_int_eq(tracker_list_add(&list, urls[i], strlen(urls[i])), 0);
    }
    swarm.trackers = &list;
    rng_seed(&rng, 1);
    return announcer_torrent_new(&swarm, 5, false, &rng);
}

#endif
