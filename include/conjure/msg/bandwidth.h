/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_BANDWIDTH_H
#define CONJURE_MSG_BANDWIDTH_H

#include "conjure/msg/table.h"
#include "conjure/msg/timer.h"

/* The inbox of Bandwidth: token buckets, leased in slices. Nobody asks where there is no limit. */
/* clang-format off */
#define BANDWIDTH_TABLE(INFO, QUERY, HOME)                                                         \
    QUERY(bandwidth, want_quota, WantQuota, "may I move bytes? Parked until there are tokens",     \
          uint32_t peer; bool upload; uint32_t n_bytes; /* wanted */                               \
          uint32_t n_granted; /* reply */ uint64_t parked_ns; /* Bandwidth's own */)               \
    INFO(bandwidth, peer_left, PeerLeft, "its parked queries come home with nothing granted",      \
         uint32_t peer;)                                                                           \
    INFO(bandwidth, set_limit, SetLimit, "bytes per second, 0 for none", bool upload;              \
         uint64_t bytes_per_s;)                                                                    \
    QUERY(bandwidth, shutdown, Shutdown, "send all parked queries home and end", )                 \
    HOME(bandwidth, timer, after)
/* clang-format on */

MSG_INBOX(bandwidth, BANDWIDTH_TABLE);

#endif
