/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_BANDWIDTH_H
#define CONJURE_ACTORS_BANDWIDTH_H

#include "conjure/msg/bandwidth.h"

/*
 * Bandwidth: the limits of traffic in both directions, of all torrents together and of each. Before
 * a connection moves content it asks for quota. With a limit the reply is a number of bytes, as
 * soon as there are tokens for them. Without one it is "any number for a second", so that a new
 * limit holds for all connections a second later.
 */
struct bandwidth;

/* Without limits or exemptions: they are set by SetLimit and ExemptLan. */
struct bandwidth *bandwidth_start(void);
struct bandwidth_inbox *bandwidth_inbox(struct bandwidth *b);
void bandwidth_join(struct bandwidth *b);

#endif
