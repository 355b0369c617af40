/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_BANDWIDTH_H
#define CONJURE_ACTORS_BANDWIDTH_H

#include "conjure/msg/bandwidth.h"

/*
 * The actor that keeps the limits of all traffic, up and down, by token buckets. Where there is no
 * limit it grants at once all that is wanted and asks Timer for nothing. Once Timer has ended, at
 * shutdown, limits no longer hold: whoever is parked must come home.
 */
struct bandwidth;

/* Without a limit and without an exemption: SetLimit and ExemptLan say what holds. TIMER outlives
 * the actor. NULL: no thread. */
struct bandwidth *bandwidth_start(struct timer_inbox *timer);
struct bandwidth_inbox *bandwidth_inbox(struct bandwidth *b); /* valid until the join */
/* After the Shutdown is home: waits for the thread's end and frees. NULL is fine. */
void bandwidth_join(struct bandwidth *b);

#endif
