/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_WATCHDOG_H
#define CONJURE_SRC_ACTORS_MASTER_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/msg/channel.h"

/*
 * Whether all long-lived actors work: each is sent a ping, which its dispatch replies to, and when
 * all replies have arrived the service manager may be told so. A round begins four times in the
 * manager's time. Master itself is watched too, since it begins the rounds, and Timer twice.
 *
 * Not watched: Logger, which may wait for a terminal or syslog; Workers and connections' threads,
 * which wait for disks. InterestStats are asked for Progress every second while they have peers.
 */
#define WATCHDOG_ACTORS_MAX 8

struct watchdog {
    struct channel replies;
    struct watchdog_ping {
        struct msg msg;
        struct channel *to;
        const char *actor;
        bool out;
    } pings[WATCHDOG_ACTORS_MAX];
    unsigned n, n_out;
    uint64_t asked_ns; /* when the round began; 0: none has */
    bool in_round;
    bool logged; /* that an actor does not reply */
};

/* W lives as long as the actors, and may then be dropped even if pings are out. WAKER is woken by
 * replies; the calling thread receives them. */
void watchdog_init(struct watchdog *w, struct waker *waker);
/* ACTOR is a literal; INBOX is open until the actor ends. */
void watchdog_watch(struct watchdog *w, const char *actor, struct channel *inbox);
/* About once a second. WATCHDOG_NS is the manager's time. Returns true once for each round that
 * all actors have replied to. One that has not for half of that time is logged. */
bool watchdog_tick(struct watchdog *w, uint64_t now, uint64_t watchdog_ns);

#endif
