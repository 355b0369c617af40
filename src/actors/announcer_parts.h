/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_ANNOUNCER_PARTS_H
#define CONJURE_SRC_ACTORS_ANNOUNCER_PARTS_H

#include <curl/curl.h>

#include "conjure/actors/actor.h"
#include "conjure/actors/announcer.h"
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
    struct torrent *torrent; /* Master's */
    struct announce_state state;
    struct announcer_torrent_stopped *stopping; /* parked until all is said */
    uint64_t stop_deadline;
    uint32_t n_calls;
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
    uint32_t n_calls;
    struct tracker_udp_connection connection;
};

#define UDP_CALL_ADDRS 4

struct udp_call {
    CURL *resolver; /* while the host name is looked up */
    char error[CURL_ERROR_SIZE];
    struct addr addrs[UDP_CALL_ADDRS]; /* of the host, in order of trial */
    uint32_t n_addrs;
    uint32_t next_addr;
    struct udp_endpoint *endpoint; /* NULL while there is none */
    struct tracker_udp exchange;
};

/* One announce under way. */
struct announcer_call {
    struct announcer_call *next;
    struct announcer *announcer;
    struct announcer_entry *entry;
    struct announce_tracker *tracker;
    const struct announcer_transport *transport;
    struct tracker_url url; /* parsed */
    struct announce_request request;
    bool counted; /* among those that n_at_once_max bounds */
    union {
        struct http_call http;
        struct udp_call udp;
    };
};

/* The operations of a transport. Begin, step and done may end the call by call_replied or call_failed,
 * after which it is gone. */
struct announcer_transport {
    void (*begin)(struct announcer_call *c, uint64_t now);
    /* Does what is due at NOW. NULL when curl does all. */
    void (*step)(struct announcer_call *c, uint64_t now);
    /* The curl transfer that it had added to the multi handle has ended (and is removed). */
    void (*done)(struct announcer_call *c, CURLcode code, uint64_t now);
    /* When it must be stepped; UINT64_MAX when curl knows. */
    uint64_t (*deadline)(const struct announcer_call *c);
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
    struct announcer_entry **entries;
    uint32_t n_entries;
    struct announcer_call *calls;
    uint32_t n_counted;
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
/* A fresh easy handle with what all our transfers have in common; NULL for want of memory. */
CURL *call_new_easy(struct announcer_call *c, char error[CURL_ERROR_SIZE]);
/* Ends the use of an easy handle, under way or not. */
void call_free_easy(struct announcer_call *c, CURL **easyp);

/* Reads what has arrived at E, and tells all calls there. */
void announcer_udp_readable(struct announcer *a, struct udp_endpoint *e, uint64_t now);
/* Closes the sockets that nobody has used for a while, or all. */
void announcer_udp_sweep(struct announcer *a, uint64_t now);

#endif
