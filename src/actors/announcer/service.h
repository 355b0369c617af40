/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_ANNOUNCER_SERVICE_H
#define CONJURE_SRC_ACTORS_ANNOUNCER_SERVICE_H

#include "conjure/base/key_map.h"
#include "conjure/base/list.h"
#include "conjure/tracker/tiers.h"

/*
 * A service: one protocol at one host and port, and all announces of all torrents to it. It bounds
 * how many are under way, and one unreachable service costs its timeout once, not once per torrent.
 *
 * UNREACHABLE. While a service is held down, announces to it fail at once and the torrents try
 * their next trackers. After that, one announce at a time tries it until one gets a reply.
 *
 * Pure: `now` in ns. Functions that make room move torrents from the queue to a list of the caller,
 * READY.
 */
#define SERVICE_CALLS_MAX 16 /* counted calls under way to one service */
#define SERVICE_ADDRS_MAX 4

struct announcer_service {
    uint64_t key;        /* a hash of protocol, host and port */
    uint32_t n_calls;    /* under way */
    uint32_t n_counted;  /* those of them that SERVICE_CALLS_MAX bounds */
    struct list waiting; /* torrents whose announce is due, until a call ends: their in_queue */
    bool failing;
    uint32_t n_failures; /* in a row */
    uint64_t held_until;
    char error[ANNOUNCE_TEXT_MAX]; /* while it fails: why */
    /* Of UDP: the cached addresses of the host, in order of trial. */
    struct addr addrs[SERVICE_ADDRS_MAX];
    uint32_t n_addrs;
    uint64_t addrs_until;
};

struct announcer_services {
    struct key_map by_key;
};

void services_init(struct announcer_services *s);
/* No service may have calls or waiting torrents. */
void services_deinit(struct announcer_services *s);
/* The service of TRACKER; made when it is new, and valid until services_sweep. */
struct announcer_service *services_get(struct announcer_services *s,
                                       const struct announce_tracker *tracker);
/* Frees unused services when there are many more than N_TORRENTS. */
void services_sweep(struct announcer_services *s, uint32_t n_torrents);

/* Whether announces to S fail at once. */
bool service_is_held(const struct announcer_service *s, uint64_t now);
/* Whether another call may begin. */
bool service_has_room(const struct announcer_service *s);

/* A call began; it is counted until service_call_uncounted. */
void service_call_began(struct announcer_service *s);
/* A call ended, or waits for a reply so long that it no longer counts: one waiting torrent gets its
 * place. */
void service_call_uncounted(struct announcer_service *s, struct list *ready);
void service_call_ended(struct announcer_service *s);

/* The service cannot be reached: all waiting torrents become ready. Does nothing while it is held
 * down: the call began before that. TEXT is copied. */
void service_failed(struct announcer_service *s, const char *text, uint64_t now,
                    struct list *ready);
/* A reply arrived. Returns whether the service was failing; then all waiting torrents become
 * ready. */
bool service_replied(struct announcer_service *s, struct list *ready);

#endif
