/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_ROOM_H
#define CONJURE_SRC_ACTORS_LOBBY_ROOM_H

#include <stdbool.h>

struct addr;
struct lobby;

/* Evicts the least useful of some peers, if one is useless enough (conjure/swarm/eviction.h), for a
 * connection from FROM; NULL: for a descriptor of ours. Returns whether one was closed. */
bool lobby_make_room(struct lobby *l, const struct addr *from);

#endif
