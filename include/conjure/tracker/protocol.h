/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_PROTOCOL_H
#define CONJURE_TRACKER_PROTOCOL_H

#include <stdint.h>

#include "conjure/tracker/announce.h"

/*
 * The registry of tracker protocols: a URL's scheme names the transport that carries an announce.
 * Announcer has one set of operations per transport (src/actors/announcer_transport.h); a new
 * protocol is a line in the table here and a set of operations there.
 */
enum tracker_transport {
    TRACKER_TRANSPORT_HTTP, /* BEP 3, over HTTP and HTTPS */
    TRACKER_TRANSPORT_UDP,  /* BEP 15 */
    N_TRACKER_TRANSPORTS,
};

struct tracker_protocol {
    const char *scheme;
    enum tracker_transport transport;
    uint16_t default_port; /* 0: the URL must name one */
};

/* The protocol of URL, or NULL when its scheme is none of ours (the scheme's case does not matter).
 */
const struct tracker_protocol *tracker_protocol_find(const char *url);

#define TRACKER_HOST_MAX 256 /* with NUL */

/* The parts of an announce URL that we look at ourselves. */
struct tracker_url {
    char host[TRACKER_HOST_MAX]; /* without the brackets of an IPv6 address */
    uint16_t port;
    const char *path; /* path and query, into the URL; "" when there is none */
};

/* Takes URL apart. Returns 0, or 1 when it has no known scheme, no host, or a bad port. */
int tracker_url_parse(const char *url, struct tracker_url *outp);

#endif
