/* SPDX-License-Identifier: MIT */
#include "conjure/torrent/tracker_list.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"

void tracker_list_deinit(struct tracker_list *l)
{
    for (uint32_t i = 0; i < l->n_urls; i++)
        free(l->urls[i]);
    free(l->urls);
    free(l->tiers);
    *l = TRACKER_LIST_EMPTY;
}

void tracker_list_begin_tier(struct tracker_list *l)
{
    l->tier_ended = true;
}

static bool is_url(const char *bytes, size_t n)
{
    if (!n || n > TRACKER_URL_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (bytes[i] <= ' ' || bytes[i] >= 0x7f)
            return false;
    return true;
}

int tracker_list_add(struct tracker_list *l, const char *url, size_t n_bytes)
{
    bool begins_tier = l->tier_ended || !l->n_tiers;
    char *copy;

    if (!is_url(url, n_bytes) || l->n_urls == TRACKER_LIST_MAX)
        return 0;
    if (array_reserve(&l->tiers, &l->tiers_room, l->n_tiers + 1, sizeof *l->tiers) ||
        array_reserve(&l->urls, &l->urls_room, l->n_urls + 1, sizeof *l->urls))
        return -ENOMEM;
    copy = strndup(url, n_bytes);
    if (!copy)
        return -ENOMEM;
    if (begins_tier)
        l->tiers[l->n_tiers++] = (struct tracker_tier){.first = l->n_urls};
    l->tier_ended = false;
    l->tiers[l->n_tiers - 1].n++;
    l->urls[l->n_urls++] = copy;
    return 0;
}

uint32_t tracker_list_n_tiers(const struct tracker_list *l)
{
    return l->n_tiers;
}

uint32_t tracker_list_n_in_tier(const struct tracker_list *l, uint32_t tier)
{
    assert(tier < l->n_tiers);
    return l->tiers[tier].n;
}

const char *tracker_list_url(const struct tracker_list *l, uint32_t tier, uint32_t i)
{
    assert(tier < l->n_tiers && i < l->tiers[tier].n);
    return l->urls[l->tiers[tier].first + i];
}
