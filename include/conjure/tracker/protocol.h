/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_PROTOCOL_H
#define CONJURE_TRACKER_PROTOCOL_H

#include <stdint.h>

#include "conjure/tracker/announce.h"

/*
 * The registry of tracker protocols: the scheme of a URL names the transport of its announces. A
 * new protocol is a row of the table in protocol.c and, with a new transport, a set of operations
 * in src/actors/announcer (struct announcer_transport_ops).
 */
enum tracker_transport {
    TRACKER_TRANSPORT_HTTP, /* BEP 3, over HTTP and HTTPS */
    TRACKER_TRANSPORT_UDP,  /* BEP 15 */
    N_TRACKER_TRANSPORTS,
};

struct tracker_protocol {
    const char *scheme;
    enum tracker_transport transport;
    uint16_t default_port; /* 0: the URL must have one */
};

/* The protocol of URL, or NULL when its scheme is unknown. The case of the scheme does not
 * matter. */
const struct tracker_protocol *tracker_protocol_find(const char *url);

#define TRACKER_HOST_MAX 256 /* with NUL */

/* The parts of an announce URL. */
struct tracker_url {
    char host[TRACKER_HOST_MAX]; /* without the brackets of an IPv6 address */
    uint16_t port;
    const char *path; /* with the query; points into the URL; "" when there is none */
};

enum tracker_url_condition {
    TRACKER_URL_UNUSABLE = 1, /* an unknown scheme, no host or a bad port */
};

/* Returns 0 or TRACKER_URL_UNUSABLE. */
int tracker_url_parse(const char *url, struct tracker_url *outp);

#endif
