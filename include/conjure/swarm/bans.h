/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SWARM_BANS_H
#define CONJURE_SWARM_BANS_H

#include <stdbool.h>

#include "conjure/base/addr.h"
#include "conjure/base/rng.h"

/*
 * Addresses that sent wrong data. One thread at a time. The list holds BANS_MAX entries; once it is
 * full a new one replaces any other, so memory stays bounded.
 *
 * Many clients may share one host: a peer that we dialled is banned by its address and port. The
 * port of a peer that dialled us does not identify it, so then the host is banned from dialling us.
 */
#define BANS_MAX 4096

enum ban_scope {
    BAN_ENDPOINT, /* we do not dial exactly this address and port */
    BAN_HOST,     /* we accept nothing from this address */
};

struct bans {
    struct addr *all; /* of a host: port 0 */
    unsigned n;
};
#define BANS_EMPTY ((struct bans){0})

void bans_deinit(struct bans *b); /* safe twice */
void bans_add(struct bans *b, const struct addr *addr, enum ban_scope scope, struct rng *rng);
bool bans_include(const struct bans *b, const struct addr *addr, enum ban_scope scope);

#endif
