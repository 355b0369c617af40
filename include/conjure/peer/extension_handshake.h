/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PEER_EXTENSION_HANDSHAKE_H
#define CONJURE_PEER_EXTENSION_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/peer/extensions.h"

/*
 * The handshake of the extension protocol (BEP 10): a dictionary by which each end names its client
 * and the extensions it speaks. An end may send another one when something has changed. Bytes in,
 * struct out, and the other way round; no socket; any thread.
 */
#define EXTENSION_HANDSHAKE_MAX 4096 /* bytes of one that we read: many times what clients send */
#define EXTENSION_CLIENT_MAX    32   /* with NUL; longer names are cut */
/* Bytes of ours, at most: the fixed part, and for each extension "20:", its name and "i4e". */
#define EXTENSION_OURS_MAX (128 + EXTENSIONS_MAX * (EXTENSION_NAME_MAX + 6))

/* The peer's handshake. */
struct extension_handshake {
    bool upload_only_present;    /* it contains `upload_only` */
    bool upload_only;            /* BEP 21: the peer will not download anything, now or later */
    uint16_t reqq;               /* requests that the peer queues; 0: not in it */
    uint8_t ids_present;         /* bit i: `m` contains row i of the registry */
    uint8_t ids[EXTENSIONS_MAX]; /* the peer's id for it; 0: not supported (any more) */
    char client[EXTENSION_CLIENT_MAX]; /* printable, for logs; empty: not in it */
};

/* 0; -EPROTO when it is no dictionary, or a field that we know has the wrong type; -ENOMEM. */
int extension_handshake_decode(const uint8_t *bytes, size_t n,
                               const struct extension_registry *registry,
                               struct extension_handshake *handshakep);

/* Our handshake. */
struct extension_offer {
    const struct extension_registry *registry;
    bool is_private;  /* the torrent is (BEP 27): no extensions that are public only */
    bool upload_only; /* BEP 21: we want no more pieces */
    uint16_t port;    /* where we listen; 0: nowhere */
    uint32_t reqq;    /* requests that we queue */
};

/* Returns the number of bytes. */
size_t extension_handshake_encode(const struct extension_offer *offer,
                                  uint8_t bytes[EXTENSION_OURS_MAX]);

#endif
