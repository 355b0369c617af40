/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_WATCHDOG_H
#define CONJURE_SRC_ACTORS_MASTER_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/msg/channel.h"

/*
 * Checks that all long-lived actors work. A round sends each of them a ping, to which its dispatch
 * replies. After all replies Master notifies the service manager. Four rounds begin within the
 * manager's timeout. A Master that hangs begins none, and without Timer's tick it begins none.
 *
 * Not watched: Logger, which may wait for a terminal or syslog; Workers and connections' threads,
 * which wait for disks. Master asks InterestStats with peers for Progress every second instead.
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

/* W must live as long as the actors; then it may be freed even if pings are out. Replies wake
 * WAKER; the calling thread receives them. */
void watchdog_init(struct watchdog *w, struct waker *waker);
/* ACTOR is a literal; INBOX is open until the actor ends. */
void watchdog_watch(struct watchdog *w, const char *actor, struct channel *inbox);
/* Call about once a second. WATCHDOG_NS is the manager's timeout. Returns true once for each round
 * to which all actors have replied. Logs an actor that has not replied for half of the timeout. */
bool watchdog_tick(struct watchdog *w, uint64_t now, uint64_t watchdog_ns);

#endif
