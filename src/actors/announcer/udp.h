/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_ANNOUNCER_UDP_H
#define CONJURE_SRC_ACTORS_ANNOUNCER_UDP_H

#include "actors/announcer/call.h"
#include "actors/announcer/easy.h"

/* The transport for trackers over UDP. Both arguments are borrowed. */
struct announcer_transport *announcer_udp_new(const struct easy_multi *curl, struct rng *rng);
/* None of its calls may be under way. */
void announcer_udp_free(struct announcer_transport *transport);

/* The sockets to poll for replies. *FDSP belongs to the transport. Returns their number. */
unsigned announcer_udp_poll_fds(struct announcer_transport *transport, struct curl_waitfd **fdsp);
/* After the poll: reads from those sockets that are readable. */
void announcer_udp_read(struct announcer_transport *transport, uint64_t now);
/* Closes sockets that no call uses and whose connection id has expired. */
void announcer_udp_sweep(struct announcer_transport *transport, uint64_t now);

#endif
