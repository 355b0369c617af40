/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PEER_HANDSHAKE_H
#define CONJURE_PEER_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/info_hash.h"

/* The first 68 bytes of a connection (BEP 3): 19, "BitTorrent protocol", 8 reserved bytes,
 * info-hash, peer id. Bytes in, struct out; no socket. */
#define HANDSHAKE_CLIENT "-CJ" /* the first bytes of our peer ids (BEP 20) */
#define HANDSHAKE_SIZE   68
#define HANDSHAKE_HASH_SIZE \
    48 /* up to and including the info-hash: enough for the far end to answer */

struct handshake {
    struct info_hash info_hash;
    uint8_t peer_id[20];
    bool fast;     /* BEP 6: reserved[7] & 0x04 */
    bool extended; /* BEP 10: reserved[5] & 0x10 */
};

void handshake_encode(const struct handshake *h, uint8_t bytes[HANDSHAKE_SIZE]);

/* Looks at the first N bytes. Returns 0 when they can be the start of a handshake (H is filled as
 * far as they reach: all at 68, everything but peer_id at 48), or -EPROTO as soon as they cannot.
 */
int handshake_decode(const uint8_t *bytes, unsigned n, struct handshake *h);

#endif
