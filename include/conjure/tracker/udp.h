/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_UDP_H
#define CONJURE_TRACKER_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/base/rng.h"
#include "conjure/tracker/announce.h"

/*
 * Announces over UDP (BEP 15): the packets, and the exchange of one announce as a state machine.
 * Pure: `now` in ns.
 */
#define TRACKER_UDP_PACKET_MAX 2048 /* bytes of a packet of ours */
#define TRACKER_UDP_REPLY_MAX  8192 /* bytes of a reply; longer datagrams are cut */

#define TRACKER_UDP_CONNECT_SIZE  16
#define TRACKER_UDP_ANNOUNCE_SIZE 98 /* without the options of BEP 41 */
#define TRACKER_UDP_MAGIC         UINT64_C(0x41727101980)

/* The timeout of transmission n (from 0) is 15 * 2^n seconds, n up to 8. Tests of actors shorten
 * it. */
#ifndef TRACKER_UDP_FIRST_WAIT_S
#define TRACKER_UDP_FIRST_WAIT_S 15
#endif
#define TRACKER_UDP_TRANSMISSIONS 9
#define TRACKER_UDP_CONNECTION_NS UINT64_C(60000000000) /* lifetime of a connection id */

enum tracker_udp_action {
    TRACKER_UDP_CONNECT = 0,
    TRACKER_UDP_ANNOUNCE = 1,
    TRACKER_UDP_SCRAPE = 2,
    TRACKER_UDP_ERROR = 3,
};

/* The connection id of an endpoint, shared by its announces. Zeroed: there is none. */
struct tracker_udp_connection {
    uint64_t id;
    uint64_t valid_until;      /* ns; 0: there is none */
    uint64_t connecting_until; /* ns; all announces wait for the reply to a pending connect */
};

/* One announce. */
struct tracker_udp {
    struct announce_request request; /* tracker_id is not used */
    const char *path;                /* of the announce URL, for BEP 41; borrowed; may be "" */
    struct tracker_udp_connection *connection; /* borrowed */
    struct rng *rng;                           /* for transaction ids; borrowed */
    enum tracker_udp_action pending_action;    /* of the request that waits for a reply */
    uint32_t transaction;
    uint32_t n_sent;   /* transmissions since the last reply */
    uint32_t n_max;    /* of transmissions before it gives up */
    uint64_t deadline; /* when to transmit again, or to give up */
};

enum tracker_udp_result {
    TRACKER_UDP_WAIT,    /* nothing to do before `deadline` */
    TRACKER_UDP_SEND,    /* send the packet */
    TRACKER_UDP_DONE,    /* the reply has arrived; reply->failed when it is an error packet */
    TRACKER_UDP_GAVE_UP, /* no reply to the last transmission */
};

/* N_MAX is cut to TRACKER_UDP_TRANSMISSIONS. */
void tracker_udp_start(struct tracker_udp *u, const struct announce_request *request,
                       const char *path, struct tracker_udp_connection *connection, struct rng *rng,
                       uint32_t n_max, uint64_t now);

/* The next step at NOW: SEND with *SIZEP bytes in PACKET, WAIT or GAVE_UP. */
enum tracker_udp_result tracker_udp_step(struct tracker_udp *u, uint64_t now,
                                         uint8_t packet[TRACKER_UDP_PACKET_MAX], size_t *sizep);

/* A datagram arrived from the tracker, over FAMILY. Returns DONE with *REPLYP, or WAIT. If it had a
 * connection id (connection->valid_until changes), call tracker_udp_step for all announces over
 * that connection; other datagrams change nothing. */
enum tracker_udp_result tracker_udp_receive(struct tracker_udp *u, const uint8_t *bytes, size_t n,
                                            uint8_t family, uint64_t now,
                                            struct announce_reply *replyp);

#endif
