/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TORRENT_TRACKER_LIST_H
#define CONJURE_TORRENT_TRACKER_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The trackers of a torrent by tier, in the order of the .torrent file (BEP 12; the Announcer
 * shuffles them). Any thread may read a list that does not change any more.
 */
#define TRACKER_LIST_MAX 1024u /* trackers; further ones are skipped */
#define TRACKER_URL_MAX  2048u /* bytes of a URL; a longer one is skipped */

struct tracker_tier {
    uint32_t first; /* in urls */
    uint32_t n;     /* never 0 */
};

struct tracker_list {
    struct tracker_tier *tiers; /* owned */
    char **urls;                /* owned, with what they point to */
    uint32_t n_tiers, n_urls;
    size_t tiers_room, urls_room;
    bool tier_ended; /* the next URL begins a tier */
};
#define TRACKER_LIST_EMPTY ((struct tracker_list){0})

void tracker_list_deinit(struct tracker_list *l); /* safe twice */

/* The next URL begins a tier. A tier without URLs is not counted. */
void tracker_list_begin_tier(struct tracker_list *l);
/* Adds a URL, which is copied, to the last tier, or to a first one. Skips a URL that is empty, too
 * long or not printable ASCII, and every URL when the list is full. 0 or -ENOMEM. */
int tracker_list_add(struct tracker_list *l, const char *url, size_t n_bytes);

uint32_t tracker_list_n_tiers(const struct tracker_list *l);
uint32_t tracker_list_n_in_tier(const struct tracker_list *l, uint32_t tier);
const char *tracker_list_url(const struct tracker_list *l, uint32_t tier, uint32_t i);

#endif
