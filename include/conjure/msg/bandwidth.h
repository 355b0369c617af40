/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_BANDWIDTH_H
#define CONJURE_MSG_BANDWIDTH_H

#include "conjure/base/direction.h"
#include "conjure/msg/table.h"

/* In SetLimit: the limit of all torrents together. */
#define BANDWIDTH_ALL UINT32_MAX

/* The inbox of Bandwidth: token buckets, and the requests that wait for tokens. Limits are of
 * content: neither the 13 bytes before a block nor other messages are counted. */
/* clang-format off */
#define BANDWIDTH_TABLE(INFO, QUERY, REPLY)                                                        \
    QUERY(bandwidth, want_quota, WantQuota, "may I move bytes? Answered when there are tokens",    \
          uint32_t peer; uint32_t torrent; bool lan; /* addr_is_lan */                             \
          enum direction direction; uint32_t n_bytes; /* wanted */                                 \
          uint32_t n_granted; /* reply: at most n_bytes */                                         \
          uint64_t free_until_ns; /* reply: until then any number of bytes may move */)            \
    INFO(bandwidth, return_quota, ReturnQuota, "bytes that were granted and not moved",            \
         uint32_t torrent; enum direction direction; uint32_t n_bytes;)                            \
    INFO(bandwidth, peer_left, PeerLeft, "answer its queries that wait, with nothing granted",     \
         uint32_t peer;)                                                                           \
    INFO(bandwidth, set_limit, SetLimit, "bytes per second from now on, 0: none",                  \
         uint32_t torrent; /* its number, or BANDWIDTH_ALL */                                      \
         enum direction direction; uint64_t bytes_per_s;)                                          \
    INFO(bandwidth, exempt_lan, ExemptLan, "whether limits do not hold for peers of the LAN",      \
         bool exempt;)                                                                             \
    QUERY(bandwidth, shutdown, Shutdown, "answer all waiting queries and end", )
/* clang-format on */

MSG_INBOX(bandwidth, BANDWIDTH_TABLE);

#endif
