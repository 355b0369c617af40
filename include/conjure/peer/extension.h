/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PEER_EXTENSION_H
#define CONJURE_PEER_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The handshake of the extension protocol (BEP 10): a dictionary in which each end says what it is
 * and what it takes. Either end may say it again when something has changed. Bytes in, struct out,
 * and the other way round; no socket.
 */
#define EXTENSION_HANDSHAKE_MAX 4096 /* bytes of one that we read: many times what clients say */
#define EXTENSION_OURS_MAX      128  /* bytes of ours, at most */
#define EXTENSION_CLIENT_MAX    32   /* with NUL; longer names are cut */

struct extension_handshake {
    bool upload_only_said;             /* `upload_only` was in it */
    bool upload_only;                  /* BEP 21: it will not download anything, now or later */
    uint16_t reqq;                     /* requests that it holds; 0: not said */
    char client[EXTENSION_CLIENT_MAX]; /* printable, for logs; empty: not said */
};

/* 0; -EPROTO when it is no dictionary, or a field that we know has the wrong type; -ENOMEM. */
int extension_decode(const uint8_t *bytes, size_t n, struct extension_handshake *handshakep);

/* What we say: PORT is where we listen (0: nowhere), REQQ how many requests we hold. Returns the
 * number of bytes. */
size_t extension_encode(uint16_t port, uint32_t reqq, bool upload_only,
                        uint8_t bytes[EXTENSION_OURS_MAX]);

#endif
