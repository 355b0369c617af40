/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_BANDWIDTH_H
#define CONJURE_MSG_BANDWIDTH_H

#include "conjure/msg/table.h"
#include "conjure/msg/timer.h"

/* SetLimit: not the limit of one torrent but of all together. */
#define BANDWIDTH_ALL UINT32_MAX

/* The inbox of Bandwidth: token buckets, leased in slices. Limits are of content: the 13 bytes in
 * front of a block, and all other messages, are not counted. */
/* clang-format off */
#define BANDWIDTH_TABLE(INFO, QUERY, HOME)                                                         \
    QUERY(bandwidth, want_quota, WantQuota, "may I move bytes? Parked until there are tokens",     \
          uint32_t peer; uint32_t torrent; bool lan; /* addr_is_lan */                             \
          bool upload; uint32_t n_bytes; /* wanted */                                              \
          uint32_t n_granted; /* reply */ uint64_t parked_ns; /* Bandwidth's own */)               \
    INFO(bandwidth, peer_left, PeerLeft, "its parked queries come home with nothing granted",      \
         uint32_t peer;)                                                                           \
    INFO(bandwidth, set_limit, SetLimit, "bytes per second, 0 for none, from now on",              \
         uint32_t torrent; /* its number, or BANDWIDTH_ALL */ bool upload; uint64_t bytes_per_s;)  \
    INFO(bandwidth, exempt_lan, ExemptLan, "whether limits are only for peers beyond the LAN",     \
         bool exempt;)                                                                             \
    QUERY(bandwidth, shutdown, Shutdown, "send all parked queries home and end", )                 \
    HOME(bandwidth, timer, after)
/* clang-format on */

MSG_INBOX(bandwidth, BANDWIDTH_TABLE);

#endif
