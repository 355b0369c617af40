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
    QUERY(bandwidth, want_quota, WantQuota, "request tokens to move bytes. Reply: granted",        \
          uint32_t peer; uint32_t torrent; bool lan; /* addr_is_lan */                             \
          enum direction direction; uint32_t n_bytes; /* wanted */                                 \
          uint32_t n_granted; /* reply: at most n_bytes */                                         \
          uint64_t free_until_ns; /* reply: until then no limit */)                                \
    INFO(bandwidth, return_quota, ReturnQuota, "granted bytes that were not moved",                \
         uint32_t torrent; enum direction direction; uint32_t n_bytes;)                            \
    INFO(bandwidth, peer_left, PeerLeft, "reply to its waiting queries without a grant",           \
         uint32_t peer;)                                                                           \
    INFO(bandwidth, set_limit, SetLimit, "bytes per second from now on, 0: none",                  \
         uint32_t torrent; /* its number, or BANDWIDTH_ALL */                                      \
         enum direction direction; uint64_t bytes_per_s;)                                          \
    INFO(bandwidth, exempt_lan, ExemptLan, "whether peers of the LAN have no limits",              \
         bool exempt;)                                                                             \
    QUERY(bandwidth, shutdown, Shutdown, "reply to all waiting queries and end", )
/* clang-format on */

MSG_INBOX(bandwidth, BANDWIDTH_TABLE);

#endif
