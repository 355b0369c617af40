/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_BANDWIDTH_H
#define CONJURE_MSG_BANDWIDTH_H

#include "conjure/base/direction.h"
#include "conjure/msg/table.h"

/* SetLimit: not the limit of one torrent but of all together. */
#define BANDWIDTH_ALL UINT32_MAX

/* The inbox of Bandwidth: token buckets, and who waits for them. Limits are of content: the 13
 * bytes in front of a block, and all other messages, are not counted. */
/* clang-format off */
#define BANDWIDTH_TABLE(INFO, QUERY, REPLY)                                                         \
    QUERY(bandwidth, want_quota, WantQuota, "may I move bytes? Parked until there are tokens",     \
          uint32_t peer; uint32_t torrent; bool lan; /* addr_is_lan */                             \
          enum direction direction; uint32_t n_bytes; /* wanted */                                              \
          uint32_t n_granted; /* reply: at most what was wanted */                                 \
          uint64_t free_until_ns; /* reply: or any number until then, and then ask again */)       \
    INFO(bandwidth, return_quota, ReturnQuota, "granted and not used, for others to use",          \
         uint32_t torrent; enum direction direction; uint32_t n_bytes;)                                         \
    INFO(bandwidth, peer_left, PeerLeft, "its parked queries come home with nothing granted",      \
         uint32_t peer;)                                                                           \
    INFO(bandwidth, set_limit, SetLimit, "bytes per second, 0 for none, from now on",              \
         uint32_t torrent; /* its number, or BANDWIDTH_ALL */ enum direction direction; uint64_t bytes_per_s;)  \
    INFO(bandwidth, exempt_lan, ExemptLan, "whether limits are only for peers beyond the LAN",     \
         bool exempt;)                                                                             \
    QUERY(bandwidth, shutdown, Shutdown, "send all parked queries home and end", )
/* clang-format on */

MSG_INBOX(bandwidth, BANDWIDTH_TABLE);

#endif
