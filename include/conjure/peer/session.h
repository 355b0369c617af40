/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PEER_SESSION_H
#define CONJURE_PEER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "conjure/base/bitfield.h"
#include "conjure/base/rate.h"
#include "conjure/peer/extension.h"
#include "conjure/piece/claim.h"
#include "conjure/piece/geometry.h"

/*
 * One connection to a peer after the handshake, as a pure state machine (BEP 3, and BEP 6 and 10
 * where both ends have them): bytes in, events and bytes out. No socket, no clock, no thread; whoever
 * drives it (a peer thread or the Lobby) calls from one thread at a time.
 *
 * Reading, in a loop:
 *
 *     n = session_plan_read(s, scratch, iov, &aimed);
 *     got = readv(fd, iov, n);
 *     session_did_read(s, scratch, got, now);
 *     while ((kind = session_next_event(s, scratch, now, &event)) > 0)
 *         ...act...
 *     if (kind < 0) close
 *
 * All events of one read are taken before the next plan; an event may call any other function here.
 * Between plan and did_read nothing else is called: who waits (poll) plans anew after waiting. When
 * nothing was read (EAGAIN) did_read may be left out. Claims also end by session_cancel, and by a
 * choke before they are added: ask for events after these, too.
 *
 * Writing, in a loop:  first session_output (control messages, always whole), then, while the peer
 * is unchoked by us, session_next_upload says which block to send; the driver sends its 13-byte
 * header and the data itself. A block once taken is sent whole before further output.
 *
 * RECEIVING STRAIGHT INTO PLACE. The session knows which blocks are in flight, in the order asked.
 * Where the next bytes can be those, the plan aims them: header, block, header, block..., each
 * block at its place in the claim's buffer. After the read the headers are compared; at the first
 * that is not the one expected, the rest of the bytes is copied out and goes through the ordinary
 * parser, which copies what is payload to its place. Right nearly always, mended when not.
 *
 * What a stranger can make us hold is bounded: one bitfield or extension handshake while it arrives,
 * SESSION_REQUESTS_MAX requests, output that we decided to send. Payload is only ever written into buffers of claims we asked for.
 */
#define SESSION_REQUEST_MAX   131072u /* longest block a peer may request; more is an attack */
#define SESSION_REQUESTS_MAX  1024    /* requests held for one peer; further ones are refused */
#define SESSION_IN_FLIGHT_MAX 512     /* blocks asked for and not arrived */
#define SESSION_CLAIMS_MAX    32
#define SESSION_MESSAGE_MAX   (1u << 20) /* longest message of another kind that is skipped */
#define SESSION_UNASKED_MAX   (4u << 20) /* payload bytes nobody asked for before we close */
#define SESSION_KEEP_ALIVE_NS (UINT64_C(110) * 1000000000) /* BEP 3: about every two minutes */
#define SESSION_SILENCE_NS    (UINT64_C(250) * 1000000000) /* nothing at all heard: dead */
#define SESSION_SNUBBED_NS    (UINT64_C(60) * 1000000000)  /* blocks in flight and none came */

enum session_event_kind {
    SESSION_NONE,       /* all bytes are digested */
    SESSION_HAS,        /* bitfield, have-all or have-none: event.has (take it; empty when the peer
                           has nothing) or event.has_all (has is empty then). The first message,
                           and for some clients at any time again, in place of many HAVEs. Not sent
                           when KEEP_BITFIELD is off: then s->n_peer_has alone says what it has */
    SESSION_HAVE,       /* event.piece: the peer has one piece more */
    SESSION_CHOKED,     /* we may no longer request */
    SESSION_UNCHOKED,   /* we may request */
    SESSION_INTERESTED, /* the peer wants something of ours */
    SESSION_NOT_INTERESTED,
    SESSION_REQUESTED, /* the first request after the upload queue was empty */
    SESSION_SUGGESTED, /* event.piece: the peer would like us to fetch this one from it (BEP 6). A hint:
                           it may repeat itself, and name what it does not have */
    SESSION_EXTENDED,   /* the extension handshake (BEP 10), the first or another: event.client, and
                           s->peer_reqq, s->peer_upload_only */
    SESSION_REFUSED,    /* event.piece: a request was rejected although we are not choked */
    SESSION_CLAIM_DONE, /* event.claim: nothing of it is in flight any more */
};

/* A claim under way or done. Bits as in struct claim. */
struct session_claim {
    struct claim claim;
    uint8_t *data; /* n_blocks blocks at 16 KiB steps; the driver's, lent to the session */
    uint64_t in_flight;
    uint64_t received;
};

struct session_event {
    uint32_t piece;
    bool has_all;
    struct bitfield has;        /* owned by the receiver of the event */
    struct session_claim claim; /* data is the driver's again */
    const char *client;         /* what the peer says it is; in the scratch memory */
};

/* Memory for reading that sessions share: one per peer thread, one for all of the Lobby. */
#define SCRATCH_AIMED_MAX 32 /* blocks aimed in one read: 512 KiB */
struct session_scratch {
    uint8_t *bytes; /* what was read without aim or must be parsed again */
    size_t size, at, end;
    char client[EXTENSION_CLIENT_MAX]; /* of the last SESSION_EXTENDED */
    unsigned n_aimed;                  /* of the plan that is out; 0 for a plain read */
    struct {
        uint8_t header[13];
        uint8_t from; /* how much of the header had arrived before this plan */
    } aimed[SCRATCH_AIMED_MAX];
};
#define SESSION_SCRATCH_EMPTY ((struct session_scratch){0})
int session_scratch_init(struct session_scratch *x); /* 0 or -ENOMEM */
void session_scratch_deinit(struct session_scratch *x);

/* Which request of the peer is to be served next. */
struct session_upload {
    uint32_t piece, begin, length;
};
enum session_upload_kind {
    SESSION_UPLOAD_NONE,
    SESSION_UPLOAD_READY,   /* taken off the queue: send it whole */
    SESSION_UPLOAD_UNKNOWN, /* not taken: do we have upload.piece? Answer by session_know_piece */
};

struct session_transfer; /* claims, blocks in flight, requests held: exists while data moves */

struct session {
    const struct geometry *geometry;
    struct session_transfer *transfer; /* NULL while idle */
    uint8_t *out;                      /* control messages to send: out[out_at, out_end) */
    uint32_t out_at, out_end, out_size;
    struct bitfield incoming;   /* a bitfield while it arrives */
    uint8_t *extension;         /* an extension handshake while it arrives in parts */
    uint64_t heard_ns, said_ns; /* last byte received, last message sent */
    uint64_t block_ns;          /* last block received, or first request of a burst sent */
    struct rate down, up;       /* content bytes */
    const char *reason;         /* why session_next_event was negative: a literal */
    uint32_t n_peer_has;        /* pieces the peer says it has; one told twice counts twice */
    uint32_t payload_left;      /* of the message under way; where it goes is in `transfer` */
    uint32_t n_unasked;         /* payload bytes that matched nothing */
    uint32_t n_forgiven;        /* of blocks that we gave up: these may come without blame */
    uint16_t peer_reqq;         /* requests that the peer holds; 0: it did not say */
    uint8_t head[17];           /* length, id and fixed fields of the message under way */
    uint8_t n_head;
    uint8_t state;             /* the parser's */
    bool fast : 1;             /* both ends have BEP 6 */
    bool extended : 1;         /* both ends have BEP 10: set by the driver after session_init */
    bool peer_upload_only : 1; /* BEP 21: it will not download, says the peer */
    bool keep_bitfield : 1;    /* we lack pieces: report what the peer has */
    bool we_have_all : 1;      /* every request can be served without asking */
    bool heard_any : 1;        /* a message came: have-none would be too late */
    bool we_choke : 1, we_interested : 1, peer_chokes : 1, peer_interested : 1;
};
#define SESSION_EMPTY ((struct session){0})

/* After the handshakes. GEOMETRY outlives the session. */
void session_init(struct session *s, const struct geometry *geometry, bool fast, uint64_t now);
/* Frees everything but the data of claims: take those first by session_drop_claim. Safe twice. */
void session_deinit(struct session *s);

/* First words: have-all, have-none, or the bitfield. HAVE may be NULL for none. */
void session_say_have_set(struct session *s, const struct bitfield *have);
/* The extension handshake, after the first words, and again when UPLOAD_ONLY has changed: we want
 * nothing more (BEP 21). PORT is where we listen. Says nothing to a peer without BEP 10. */
void session_say_extensions(struct session *s, uint16_t port, bool upload_only);
void session_say_have(struct session *s, uint32_t piece);
/* BEP 6: PIECE would be good to fetch from us now. Says nothing to a peer without the extension. */
void session_say_suggest(struct session *s, uint32_t piece);
/* These two say something only on a change. Choking refuses all requests that are held. */
void session_set_interested(struct session *s, bool interested);
void session_set_choking(struct session *s, bool choking, uint64_t now);

/* --- reading --------------------------------------------------------------------------------- */

/* Fills IOV (room for 2 * SCRATCH_AIMED_MAX + 2) and returns how many; *AIMED_BYTESP: how many
 * bytes are surely still to come in order, for SO_RCVLOWAT, 0 when the plan is not aimed. */
unsigned session_plan_read(struct session *s, struct session_scratch *x, struct iovec *iov,
                           size_t *aimed_bytesp);
void session_did_read(struct session *s, struct session_scratch *x, size_t n_bytes, uint64_t now);
/* Takes N bytes that were read before the session existed: those that followed the handshake in the
 * same read. In place of the first plan and did_read; take the events next, as after these. N is at
 * most x->size. */
void session_feed(struct session *s, struct session_scratch *x, const uint8_t *bytes, size_t n,
                  uint64_t now);
/* An event kind, SESSION_NONE, or negative: -EPROTO (s->reason says why) or -ENOMEM. */
int session_next_event(struct session *s, struct session_scratch *x, uint64_t now,
                       struct session_event *eventp);

/* --- downloading ----------------------------------------------------------------------------- */

/* How many blocks more should be claimed so that the pipe stays full: measured rate times a second,
 * between 4 and SESSION_IN_FLIGHT_MAX/2 in flight, but no more than the peer holds; 0 while a good part is still in flight, while
 * choked, or when there is no room. */
uint32_t session_blocks_wanted(struct session *s, uint64_t now);

/* Requests the blocks of CLAIM, to be received into DATA. Only while not choked and when
 * session_blocks_wanted was at least claim->n_blocks. When a choke came meanwhile, the claim is
 * done with the next event, nothing received. 0; -ENOMEM; or SESSION_FULL: there is no room after
 * all, and claim and data stay with the caller. */
enum {
    SESSION_FULL = 1,
};
int session_add_claim(struct session *s, const struct claim *claim, uint8_t *data, uint64_t now);

/* Cancels what of these blocks is in flight (BEP 3 endgame). A claim that ends by this is reported
 * by the next session_next_event. */
void session_cancel(struct session *s, uint32_t piece, uint32_t first_block, uint64_t blocks);

/* Takes back any one claim, done or not; false when there is none. For closing. */
bool session_drop_claim(struct session *s, struct session_claim *claimp);

uint32_t session_n_in_flight(const struct session *s);

/* --- uploading ------------------------------------------------------------------------------- */

enum session_upload_kind session_next_upload(struct session *s, struct session_upload *uploadp);
/* We have PIECE (or not: its requests are refused). Remembers a few such answers. */
void session_know_piece(struct session *s, uint32_t piece, bool have);
/* The message header that precedes the data. */
void session_upload_header(const struct session_upload *u, uint8_t header[13]);
/* N_BYTES of content went out. */
void session_uploaded(struct session *s, uint32_t n_bytes, uint64_t now);
/* Requests that are held and may be served: none while we choke. */
uint32_t session_n_uploads(const struct session *s);
bool session_has_uploads(const struct session *s);
/* The request that is in the queue last; false when it is empty. */
bool session_last_upload(const struct session *s, struct session_upload *uploadp);

/* --- writing, time --------------------------------------------------------------------------- */

/* Control bytes to send now; 0 when none. Valid until the next call of another function. */
size_t session_output(const struct session *s, const uint8_t **bytesp);
void session_output_sent(struct session *s, size_t n_bytes, uint64_t now);

/* Once in a while: queues a keep-alive when due. Returns 0, or 1 when the peer is dead. */
int session_tick(struct session *s, uint64_t now);
bool session_is_snubbed(const struct session *s, uint64_t now);

/* Whether data can move, so that the connection deserves a thread: we may request and want to, or
 * they may and want to, or something is still in flight. */
bool session_is_active(const struct session *s);

/* Frees what only a moving connection needs, when nothing moves. */
void session_shrink(struct session *s);

#endif
