/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_SERVE_UDP_H
#define CONJURE_TRACKER_SERVE_UDP_H

#include <stddef.h>

#include "conjure/tracker/service.h"

/* The tracker's side of UDP (BEP 15): connect, announce and scrape. */

#define TRACKER_SERVE_UDP_MAX 1400 /* bytes of a reply: they fit one packet on any path */

/* Serves the datagram of N BYTES from FROM. Returns the size of the REPLY; 0: send none. */
size_t tracker_serve_udp(struct tracker_service *s, const uint8_t *bytes, size_t n,
                         const struct addr *from, uint64_t now,
                         uint8_t reply[TRACKER_SERVE_UDP_MAX]);

#endif
