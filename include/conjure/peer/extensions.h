/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PEER_EXTENSIONS_H
#define CONJURE_PEER_EXTENSIONS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The extensions that we offer over the extension protocol (BEP 10), as one table. The number of a
 * row, counted from 1, is our id of the extension: it stands in `m` of our handshake, in messages
 * of peers to us, and in SESSION_EXTENSION_MESSAGE. Constant; any thread.
 */
#define EXTENSIONS_MAX     4  /* rows; each costs a byte in every session */
#define EXTENSION_NAME_MAX 20 /* bytes, without NUL */

struct extension {
    const char *name;     /* its key in `m` */
    uint32_t message_max; /* bytes of a message of it behind the ids; a longer one is skipped */
    bool public_only;     /* not in private torrents (BEP 27) */
};

struct extension_registry {
    const struct extension
        *rows; /* in the order of their names, which is that of the keys of `m` */
    uint8_t n;
};

/* The extensions of Conjure. */
extern const struct extension_registry extensions_ours;

/* The extension of this id of ours, or NULL: unknown, or not for a private torrent. */
const struct extension *extension_registry_find(const struct extension_registry *registry,
                                                uint8_t id, bool is_private);

#endif
