/* SPDX-License-Identifier: MIT */
#include "actors/master/seed_goal.h"

bool seed_goal_has_time(const struct torrent_settings *s)
{
    return s->seed_time_s && s->seed_time_s != UINT64_MAX;
}

bool seed_goal_is_set(const struct torrent_settings *s)
{
    return s->seed_ratio > 0 || seed_goal_has_time(s);
}

bool seed_goal_is_met(const struct torrent_settings *s, uint64_t wanted, uint64_t uploaded,
                      uint64_t seeded_s)
{
    if (s->seed_ratio > 0 && wanted && (double)uploaded >= s->seed_ratio * (double)wanted)
        return true;
    return s->seed_time_s != UINT64_MAX && seeded_s >= s->seed_time_s;
}
