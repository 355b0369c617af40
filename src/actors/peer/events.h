/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_PEER_EVENTS_H
#define CONJURE_SRC_ACTORS_PEER_EVENTS_H

#include <stdint.h>

struct peer;
struct session_scratch;

/* Acts on all events of the session: after each read, and when p->events_due. 0; or negative,
 * and p->reason says why. */
int peer_take_events(struct peer *p, struct session_scratch *scratch, uint64_t now);

#endif
