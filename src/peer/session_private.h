/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_PEER_SESSION_PRIVATE_H
#define CONJURE_SRC_PEER_SESSION_PRIVATE_H

#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/peer/session.h"

/* What the files of the session share and nobody else sees. */

enum session_message_id {
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

/* Where the parser is. */
enum session_state {
    STATE_HEAD,      /* collecting length, id and fixed fields in s->head */
    STATE_BLOCK,     /* payload of a block in flight: transfer->into says where it goes */
    STATE_BITFIELD,  /* payload into s->incoming, or only counted */
    STATE_EXTENSION, /* an extension handshake: into s->extension, unless it is here whole */
    STATE_SKIP,      /* payload that nobody wants */
    STATE_BROKEN,    /* s->reason is set; the session only waits to be closed */
    STATE_NO_MEMORY,
};

#define PIECE_HEADER    13 /* length, id, piece, begin: what precedes a block */
#define EXTENDED_HEADER 6  /* length, id, and the id of the extension's message, 0: handshake */

/* Read at a time when nothing is aimed: enough for a burst of HAVEs or requests. While blocks are
 * in flight it is less, for what is read here must be copied to its place. */
#define PLAIN_READ           65536u
#define PLAIN_READ_IN_FLIGHT 16384u

/* Control messages that a peer may leave unread: a bitfield of the largest torrent, and as much
 * again. Beyond that it is not reading. */
#define OUT_MAX (1u << 20)

#define DEPTH_FIRST 32u
#define DEPTH_MIN   4u
#define DEPTH_MAX   (SESSION_IN_FLIGHT_MAX / 2u)

/* A block asked for. Those that are answered out of order leave holes in the ring. */
struct in_flight {
    uint32_t piece, begin, size;
    uint8_t claim; /* index in transfer->claims, or HOLE */
    uint8_t bit;   /* of the claim */
};
#define HOLE 0xff

/* Twice as many slots as blocks can be in flight: closing up the holes is then rare enough to cost
 * nothing per block. */
#define RING_SIZE (2u * SESSION_IN_FLIGHT_MAX)

#define UPLOADS_FIRST 16u
#define FILTER_SIZE   512u
#define KNOWN_PIECES  8u

struct session_transfer {
    /* Claims: a set bit for each that is used, and for each that is done but not yet reported. */
    uint32_t claims_used, claims_done;
    uint32_t n_in_flight; /* blocks in the ring and the one under way */
    uint32_t first, last; /* of the ring; counters that wrap, slots are modulo RING_SIZE */

    /* The block whose payload is under way, while the parser is in STATE_BLOCK. */
    uint8_t *into;
    uint8_t into_claim, into_bit;

    /* How many blocks to keep in flight, and since when how many came: see session_blocks_wanted.
     */
    uint32_t depth;
    uint32_t n_received;
    uint64_t burst_ns;

    /* Requests held for the peer: a ring of uploads_size (a power of two) slots, oldest first. The
     * filter counts them by a hash of piece and block: zero means that there is none. */
    struct session_upload *uploads;
    uint32_t uploads_size, uploads_at, n_uploads;
    uint32_t known[KNOWN_PIECES]; /* pieces that we were told we have */
    uint32_t n_known;
    uint16_t filter[FILTER_SIZE];

    /* From here on nothing is cleared in advance: memory that is not used is not touched. */
    struct session_claim claims[SESSION_CLAIMS_MAX];
    struct in_flight ring[RING_SIZE];
};

static inline bool session_is_broken(const struct session *s)
{
    return s->state >= STATE_BROKEN;
}

/* The session is over; REASON is a literal. What is returned is what session_next_event returns. */
int session_break(struct session *s, const char *reason);
int session_break_no_memory(struct session *s);

/* Makes s->transfer when there is none: 0 or -ENOMEM. */
int session_need_transfer(struct session *s);

/* --- session_say.c: messages to s->out. When there is no room the session breaks. */
void session_say_keep_alive(struct session *s);
void session_say(struct session *s, uint8_t id);
void session_say_piece(struct session *s, uint8_t id, uint32_t piece);
void session_say_block(struct session *s, uint8_t id, uint32_t piece, uint32_t begin,
                       uint32_t length);

/* --- session_transfer.c */
static inline struct in_flight *session_ring(struct session_transfer *t, uint32_t i)
{
    return &t->ring[i % RING_SIZE];
}

static inline uint8_t *session_place(const struct session_transfer *t, const struct in_flight *f)
{
    return t->claims[f->claim].data + (size_t)f->bit * BLOCK_SIZE;
}

/* The next block in flight at or after counter I, t->last when there is none. */
static inline uint32_t session_ring_skip(struct session_transfer *t, uint32_t i)
{
    while (i != t->last && session_ring(t, i)->claim == HOLE)
        i++;
    return i;
}

/* The block in flight that this message answers, or NULL. */
struct in_flight *session_find_block(struct session *s, uint32_t piece, uint32_t begin,
                                     uint32_t size);
/* The payload of F begins: takes it out of the ring, GOT bytes of it are in place. The parser goes
 * to STATE_BLOCK, or back to STATE_HEAD when that is all. */
void session_begin_block(struct session *s, struct in_flight *f, uint32_t got, uint64_t now);
/* N bytes more of the block under way are in place. */
void session_fill_block(struct session *s, uint32_t n, uint64_t now);
/* F will not come: its claim ends when it was the last. */
void session_lose_block(struct session *s, struct in_flight *f);
/* All of them are lost (a choke without BEP 6). */
void session_lose_all(struct session *s);
/* A block that we do not want any more may still come: allow for it. */
void session_forgive(struct session *s, uint32_t n_bytes);
/* A message about N_BYTES of content that match nothing: 0, or negative when it is too much. */
int session_charge(struct session *s, uint32_t n_bytes);

/* --- session_upload.c */
/* A request came: an event kind or negative. */
int session_on_request(struct session *s, const struct session_upload *u);
void session_on_cancel(struct session *s, const struct session_upload *u);
void session_refuse_all(struct session *s);

#endif
