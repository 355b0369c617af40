/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_SEED_GOAL_H
#define CONJURE_SRC_ACTORS_MASTER_SEED_GOAL_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/actors/master_settings.h"

/* When seeding a complete torrent ends: --seed-ratio and --seed-time. Pure. */

/* Whether S asks for seeding for some time. */
bool seed_goal_has_time(const struct torrent_settings *s);
/* Whether S asks for seeding at all. */
bool seed_goal_is_set(const struct torrent_settings *s);
/* The numbers are of a complete torrent of WANTED bytes, over all runs. Without a goal the result
 * is false; a seed time of 0 is met at once. */
bool seed_goal_is_met(const struct torrent_settings *s, uint64_t wanted, uint64_t uploaded,
                      uint64_t seeded_s);

#endif
