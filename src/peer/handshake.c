/* SPDX-License-Identifier: MIT */
#include "conjure/peer/handshake.h"

#include <errno.h>
#include <string.h>

#define PROTOCOL \
    "\x13"       \
    "BitTorrent protocol"
#define PROTOCOL_SIZE 20
#define HASH_AT       28
#define PEER_ID_AT    48
#define EXTENDED_BYTE 25 /* of the reserved bytes, 20 to 27 (BEP 10) */
#define EXTENDED_BIT  0x10
#define FAST_BYTE     27 /* BEP 6 */
#define FAST_BIT      0x04

void handshake_encode(const struct handshake *h, uint8_t bytes[HANDSHAKE_SIZE])
{
    memset(bytes, 0, HANDSHAKE_SIZE);
    memcpy(bytes, PROTOCOL, PROTOCOL_SIZE);
    if (h->extended)
        bytes[EXTENDED_BYTE] |= EXTENDED_BIT;
    if (h->fast)
        bytes[FAST_BYTE] |= FAST_BIT;
    memcpy(bytes + HASH_AT, h->info_hash.bytes, INFO_HASH_SIZE);
    memcpy(bytes + PEER_ID_AT, h->peer_id, sizeof h->peer_id);
}

int handshake_decode(const uint8_t *bytes, unsigned n, struct handshake *h)
{
    memset(h, 0, sizeof *h);
    /* At the first wrong byte: a client that sends HTTP or encrypts may never send 68 bytes. */
    if (memcmp(bytes, PROTOCOL, n < PROTOCOL_SIZE ? n : PROTOCOL_SIZE) != 0)
        return -EPROTO;
    if (n > EXTENDED_BYTE)
        h->extended = bytes[EXTENDED_BYTE] & EXTENDED_BIT;
    if (n > FAST_BYTE)
        h->fast = bytes[FAST_BYTE] & FAST_BIT;
    if (n >= HANDSHAKE_HASH_SIZE)
        h->info_hash = info_hash_from(bytes + HASH_AT);
    if (n >= HANDSHAKE_SIZE)
        memcpy(h->peer_id, bytes + PEER_ID_AT, sizeof h->peer_id);
    return 0;
}
