/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SWARM_BANS_H
#define CONJURE_SWARM_BANS_H

#include <stdint.h>

#include "conjure/base/addr.h"
#include "conjure/base/clock.h"

/*
 * Hosts that sent wrong data. Each time is a strike, and bans the host for a while: we neither dial
 * it nor accept its connections. A further strike bans it for eight times as long, up to half a
 * day. Other clients may share its address, so no ban is for ever, and strikes are forgotten a day
 * after the last ban. A host is what addr_host returns: the port of a peer that dialled us
 * identifies nobody, and a host has all addresses of its /64.
 *
 * The table has a fixed size, 96 KiB, and is allocated with the first strike. A new host replaces
 * the one of its bucket whose strikes are forgotten first. Pure: one thread at a time, `now` in ns.
 */
#define BAN_FIRST_NS     (60 * NS_PER_S)
#define BAN_FACTOR       8
#define BAN_MAX_NS       (12 * 3600 * NS_PER_S)
#define BAN_FORGOTTEN_NS (24 * 3600 * NS_PER_S)

struct ban {
    uint64_t host; /* 0: free */
    uint64_t until_ns;
    uint8_t n_strikes;
};

struct bans {
    struct ban *all;
};
#define BANS_EMPTY ((struct bans){0})

void bans_deinit(struct bans *b); /* safe twice */
/* The host of ADDR sent wrong data. Returns when its ban ends. */
uint64_t bans_strike(struct bans *b, const struct addr *addr, uint64_t now);
/* When the ban of the host of ADDR ends; 0: it is not banned. */
uint64_t bans_until(const struct bans *b, const struct addr *addr, uint64_t now);

#endif
