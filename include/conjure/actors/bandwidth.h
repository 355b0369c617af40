/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_BANDWIDTH_H
#define CONJURE_ACTORS_BANDWIDTH_H

#include "conjure/msg/bandwidth.h"

/*
 * The actor that keeps the limits of traffic, up and down, of all torrents together and of each.
 * Whoever moves content asks it first. Where there is a limit the answer is so many bytes, as soon
 * as they are there; where there is none it is "as much as you like for a second", so that a limit
 * may come at any time, and holds for everybody a second later.
 */
struct bandwidth;

/* Without a limit and without an exemption: SetLimit and ExemptLan say what holds. NULL: no thread. */
struct bandwidth *bandwidth_start(void);
struct bandwidth_inbox *bandwidth_inbox(struct bandwidth *b); /* valid until the join */
/* After the Shutdown is home: waits for the thread's end and frees. NULL is fine. */
void bandwidth_join(struct bandwidth *b);

#endif
