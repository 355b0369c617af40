/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_ANNOUNCER_UDP_H
#define CONJURE_SRC_ACTORS_ANNOUNCER_UDP_H

#include "actors/announcer/call.h"
#include "actors/announcer/easy.h"

/* The transport for trackers over UDP. Both arguments are borrowed. */
struct announcer_transport *announcer_udp_new(const struct easy_multi *curl, struct rng *rng);
/* No call of it is under way. */
void announcer_udp_free(struct announcer_transport *transport);

/* The sockets on which replies may arrive, to be polled; *FDSP belongs to the transport. Returns
 * how many. */
unsigned announcer_udp_poll_fds(struct announcer_transport *transport, struct curl_waitfd **fdsp);
/* Reads from those of them that are readable after the poll. */
void announcer_udp_read(struct announcer_transport *transport, uint64_t now);
/* Closes sockets that no call uses and whose connection id has expired. */
void announcer_udp_sweep(struct announcer_transport *transport, uint64_t now);

#endif
