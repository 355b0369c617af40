/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_CROWD_H
#define CONJURE_BASE_CROWD_H

#include "conjure/base/addr.h"
#include "conjure/base/key_map.h"
#include "conjure/base/list.h"

/*
 * Objects that strangers make us keep, as connections are, grouped by host (addr_host). When there
 * are too many, the oldest one of the host that has most is the first to go: a host that floods us
 * displaces its own. Hosts whose numbers differ by less than an eighth count as equal. All in O(1),
 * with a record for each host. Pure: one thread at a time.
 */
#define CROWD_CLASSES 256

struct crowd_host;

/* Embedded in such an object. Zeroed: in no crowd. */
struct crowd_member {
    struct crowd_host *host; /* NULL: in no crowd */
    struct list in_host;
};

struct crowd {
    struct key_map hosts;
    struct list by_class[CROWD_CLASSES]; /* hosts, by their number of members */
};

void crowd_init(struct crowd *c);
void crowd_deinit(struct crowd *c); /* when it has no members */
/* ADDR: where M is from. M is in no crowd. */
void crowd_add(struct crowd *c, struct crowd_member *m, const struct addr *addr);
/* Does nothing when M is in no crowd. */
void crowd_remove(struct crowd *c, struct crowd_member *m);
/* The member that gives way to a new one; NULL when there is none. */
struct crowd_member *crowd_first_to_go(const struct crowd *c);

#endif
