/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_PEER_MESSAGE_H
#define CONJURE_SRC_PEER_MESSAGE_H

#include <stdint.h>

#include "conjure/base/bytes.h"

/* Messages as they are on the wire: length (4 bytes), id, fields. */
enum message_id {
    ID_CHOKE = 0, /* BEP 3 */
    ID_UNCHOKE = 1,
    ID_INTERESTED = 2,
    ID_NOT_INTERESTED = 3,
    ID_HAVE = 4,
    ID_BITFIELD = 5,
    ID_REQUEST = 6,
    ID_PIECE = 7,
    ID_CANCEL = 8,
    ID_SUGGEST = 13, /* BEP 6 */
    ID_HAVE_ALL = 14,
    ID_HAVE_NONE = 15,
    ID_REJECT = 16,
    ID_ALLOWED_FAST = 17,
    ID_EXTENDED = 20, /* BEP 10 */
};

#define PIECE_HEADER    13 /* length, id, piece, begin: what precedes a block */
#define EXTENDED_HEADER 6  /* length, id, and the id of the extension, 0: handshake */

/* The fixed fields of a message; those that its kind does not have are meaningless. */
struct message {
    uint32_t length; /* of all that follows the length itself */
    uint8_t id;
    uint32_t piece, begin, size; /* SIZE: of the block that is named, or that follows */
};
#define MESSAGE_HEAD_MAX 17 /* length, id, and the fields of a request */

static inline struct message message_decode(const uint8_t head[MESSAGE_HEAD_MAX])
{
    struct message m = {.length = get_be32(head),
                        .id = head[4],
                        .piece = get_be32(head + 5),
                        .begin = get_be32(head + 9)};

    m.size = m.id == ID_PIECE ? m.length - (PIECE_HEADER - 4) : get_be32(head + 13);
    return m;
}

static inline void message_put_piece_header(uint8_t header[PIECE_HEADER], uint32_t piece,
                                            uint32_t begin, uint32_t size)
{
    uint8_t *p = put_be32(header, PIECE_HEADER - 4 + size);

    *p++ = ID_PIECE;
    put_be32(put_be32(p, piece), begin);
}

#endif
