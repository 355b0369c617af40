/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PEER_HANDSHAKE_H
#define CONJURE_PEER_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/info_hash.h"

/* The first 68 bytes of a connection (BEP 3): 19, "BitTorrent protocol", 8 reserved bytes,
 * info-hash, peer id. Bytes in, struct out, and the other way round; no socket; any thread. */
#define HANDSHAKE_CLIENT    "-CJ" /* the first bytes of our peer ids (BEP 20) */
#define HANDSHAKE_SIZE      68
#define HANDSHAKE_HASH_SIZE 48 /* with the info-hash as its end: enough to reply to */

struct handshake {
    struct info_hash info_hash;
    uint8_t peer_id[20];
    bool fast;     /* BEP 6: reserved[7] & 0x04 */
    bool extended; /* BEP 10: reserved[5] & 0x10 */
};

void handshake_encode(const struct handshake *h, uint8_t bytes[HANDSHAKE_SIZE]);

/* Reads the first N bytes of a handshake. 0 when they can be its start: fills H from the fields
 * that have arrived (all at 68 bytes, all but peer_id at 48). -EPROTO as soon as they cannot. */
int handshake_decode(const uint8_t *bytes, unsigned n, struct handshake *h);

#endif
