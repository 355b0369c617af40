/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_ANNOUNCER_INTERNAL_H
#define CONJURE_SRC_ACTORS_ANNOUNCER_INTERNAL_H

#include <curl/curl.h>

#include "conjure/actors/actor.h"
#include "conjure/actors/announcer.h"
#include "conjure/base/due_heap.h"
#include "conjure/base/key_map.h"
#include "conjure/base/list.h"
#include "conjure/base/rng.h"
#include "conjure/tracker/http.h"
#include "conjure/tracker/state.h"
#include "conjure/tracker/udp.h"

/* What the parts of Announcer share; everything belongs to its one thread.
 *
 *   announcer.c       torrents, messages, hold-over, the loop
 *   announcer_http.c  calls over HTTP
 *   announcer_udp.c   calls over UDP
 */

/* A torrent that announces. */
struct announcer_entry {
    struct swarm *swarm; /* Master's; the key */
    struct announce_state state;
    struct due due;       /* the next announce; once stopping: when it is given up */
    struct list in_queue; /* waits for room at a service; once stopping: has something to say */
    struct list calls;
    struct announcer_torrent_stopped *stopping; /* parked until all is said */
};

#define SERVICE_ADDRS 4

/* Where trackers of any number of torrents are: a transport, a host and a port. */
struct announcer_service {
    uint64_t key;                /* a hash of all three */
    uint32_t n_calls, n_counted; /* of its calls, those that are bounded */
    struct list waiting;         /* entries that are due, and found no room */
    /* It cannot be reached. Until held_until all that is due there fails at once; then one tries. */
    bool failing;
    uint32_t n_failures; /* in a row */
    uint64_t held_until;
    char error[ANNOUNCE_TEXT_MAX];
    /* Of UDP: its addresses, in order of trial. */
    struct addr addrs[SERVICE_ADDRS];
    uint32_t n_addrs;
    uint64_t known_until;
};

struct http_call {
    CURL *easy;
    uint8_t *body; /* owned */
    size_t n_body;
    size_t n_room;
    bool too_long;
    char error[CURL_ERROR_SIZE];
};

/* A UDP tracker's address with a connected socket, so that the kernel keeps strangers out and tells us
 * of refusals; shared by all calls there, as is the connection id. */
struct udp_endpoint {
    struct udp_endpoint *next;
    struct addr addr;
    int fd;
    struct list calls;
    struct tracker_udp_connection connection;
};

struct udp_call {
    CURL *resolver; /* while the host name is looked up */
    char error[CURL_ERROR_SIZE];
    struct addr addrs[SERVICE_ADDRS]; /* of the host, in order of trial */
    uint32_t n_addrs;
    uint32_t next_addr;
    struct udp_endpoint *endpoint; /* NULL while there is none */
    struct list in_endpoint;
    struct tracker_udp exchange;
};

/* One announce under way. */
struct announcer_call {
    struct list in_entry;
    struct due due; /* when its transport must be stepped; in no heap when curl knows */
    struct announcer *announcer;
    struct announcer_entry *entry;
    struct announcer_service *service;
    struct announce_tracker *tracker;
    const struct announcer_transport *transport;
    struct tracker_url url; /* parsed */
    struct announce_request request;
    bool counted; /* among those that are bounded, of all and of its service */
    union {
        struct http_call http;
        struct udp_call udp;
    };
};

/* The operations of a transport. Begin, step and done may end the call by call_replied or call_failed,
 * after which it is gone. */
struct announcer_transport {
    void (*begin)(struct announcer_call *c, uint64_t now);
    /* Does what was due (call_step_at). NULL when curl does all. */
    void (*step)(struct announcer_call *c, uint64_t now);
    /* The curl transfer that it had added to the multi handle has ended (and is removed). */
    void (*done)(struct announcer_call *c, CURLcode code, uint64_t now);
    /* Gives back what it holds, under way or ended. */
    void (*deinit)(struct announcer_call *c);
};
extern const struct announcer_transport announcer_http;
extern const struct announcer_transport announcer_udp;

/* An After that is out. */
struct announcer_hold {
    struct timer_after *after;
    uint64_t due;
};

struct announcer {
    struct actor actor;
    struct waker waker;
    struct announcer_inbox inbox;
    struct timer_inbox *timer;
    struct lobby_inbox *lobby;
    struct master_inbox *master;
    struct announcer_options options;
    struct rng rng;
    CURLM *multi;
    struct key_map entries; /* by their torrent */
    struct key_map services;
    struct due_heap due; /* entries that announce, but not while they wait or a call is under way */
    struct due_heap deadlines; /* entries that stop */
    struct list saying;        /* those of them with something to say */
    struct due_heap steps;     /* calls */
    uint32_t n_counted;
    CURL **spare; /* easy handles for HTTP, set up as far as they are all the same; owned */
    uint32_t n_spare;
    struct udp_endpoint *endpoints;
    struct udp_endpoint **polled; /* scratch for poll, with the next; owned */
    struct curl_waitfd *fds;
    uint32_t n_polls_room;
    struct announcer_hold *holds;
    uint32_t n_holds;
    bool timer_gone; /* the program is ending */
    struct announcer_shutdown *shutdown;
};

/* The outcome; the call is gone afterwards. TEXT need not name the tracker. */
void call_replied(struct announcer_call *c, const struct announce_reply *reply);
void call_failed(struct announcer_call *c, const char *text);
/* It goes on, but there is bad news already. */
void call_is_slow(struct announcer_call *c, const char *text);
/* It cannot be reached: as call_failed, and the same goes for all others there. */
void call_unreachable(struct announcer_call *c, const char *text);
/* Steps it at AT_NS. */
void call_step_at(struct announcer_call *c, uint64_t at_ns);
/* A fresh easy handle with what all our transfers have in common; NULL for want of memory. */
CURL *call_new_easy(struct announcer_call *c, char error[CURL_ERROR_SIZE]);
/* Ends the use of an easy handle, under way or not. */
void call_free_easy(struct announcer_call *c, CURL **easyp);

/* Reads what has arrived at E, and tells all calls there. */
void announcer_udp_readable(struct announcer *a, struct udp_endpoint *e, uint64_t now);
/* Gives the easy handles back. */
void announcer_http_deinit(struct announcer *a);
/* Closes the sockets that nobody has used for a while, or all. */
void announcer_udp_sweep(struct announcer *a, uint64_t now);

#endif
