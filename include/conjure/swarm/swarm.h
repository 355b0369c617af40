/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SWARM_SWARM_H
#define CONJURE_SWARM_SWARM_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/info_hash.h"
#include "conjure/torrent/tracker_list.h"

/*
 * The part of a torrent that is needed to find its peers and to do handshakes with them: info-hash,
 * trackers and our names, without the metainfo. Announcer, and the Lobby until a connection has its
 * session, know a torrent by its swarm.
 *
 * Made by Master, and immutable from the moment it is sent to another actor. Freed when no actor
 * refers to it any more.
 */
struct swarm {
    uint32_t id; /* a small number that no other swarm of this process ever has */
    struct info_hash info_hash;
    const char *name;                    /* for logs; borrowed from the metainfo */
    const struct tracker_list *trackers; /* borrowed from the metainfo */
    uint8_t peer_id[20];                 /* ours in this swarm (BEP 20) */
    uint32_t key;    /* identifies us to trackers after a change of address (BEP 7) */
    uint16_t port;   /* where we listen; 0: nowhere */
    bool is_private; /* peers come from its trackers only (BEP 27) */
};

#endif
