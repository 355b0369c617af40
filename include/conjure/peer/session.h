/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PEER_SESSION_H
#define CONJURE_PEER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/base/rate.h"
#include "conjure/peer/extensions.h"
#include "conjure/peer/session_download.h"
#include "conjure/peer/session_read.h"
#include "conjure/peer/session_upload.h"
#include "conjure/piece/geometry.h"

/*
 * One connection to a peer after the handshake, as a pure state machine (BEP 3, and BEP 6 and 10
 * where both ends have them): bytes in, events and bytes out. No socket, no clock, no thread. Not
 * thread-safe: only the thread that owns the connection calls (the Lobby, or a peer thread).
 *
 * Reading is in session_read.h, claims in session_download.h, requests of the peer in
 * session_upload.h. Writing, in a loop: first session_output (control messages, always whole);
 * then, unless we choke the peer, session_next_upload gives the block to send next. A block that
 * was taken is sent whole before further output.
 *
 * Memory that a stranger can make us hold is bounded: a bitfield, or an extension's message of
 * the size that the registry allows, while it arrives; SESSION_REQUESTS_MAX requests; 1 MiB of
 * output. Content is written only into buffers of claims.
 */
#define SESSION_MESSAGE_MAX   (1u << 20) /* bytes of a message; a longer one is an error */
#define SESSION_UNASKED_MAX   (4u << 20) /* bytes of blocks that we did not request: an error */
#define SESSION_REFUSED_MAX   4096       /* requests that are refused, more than served: an error */
#define SESSION_MALFORMED_MAX 16         /* extension handshakes that are ignored: then an error */
#define SESSION_KEEP_ALIVE_NS (UINT64_C(110) * 1000000000) /* BEP 3: about every two minutes */
#define SESSION_SILENCE_NS    (UINT64_C(250) * 1000000000) /* received nothing: the peer is dead */

struct download;     /* claims and blocks in flight: exists while blocks are claimed */
struct upload_queue; /* requests of the peer: exists while there are any */

struct session {
    const struct geometry *geometry;
    const struct extension_registry *extensions; /* NULL: not both ends have BEP 10 */
    struct download *download;                   /* NULL until the first claim */
    struct upload_queue *uploads;                /* NULL until the first request */
    uint8_t *out; /* control messages to send: out[out_at, out_end) */
    uint32_t out_at, out_end, out_size;
    uint32_t payload_left;    /* bytes of the current message; `state` says what they are */
    struct bitfield incoming; /* a bitfield while it arrives */
    uint8_t *extension;       /* an extension's message while it arrives in parts, and its event */
    uint64_t received_ns, sent_ns; /* last byte received, last message sent */
    struct rate down, up;          /* bytes of content */
    const char *reason;            /* why session_next_event was negative: a literal */
    uint32_t n_peer_has;           /* pieces of the peer; a repeated HAVE counts twice */
    uint32_t n_unasked;            /* bytes of blocks that we did not request */
    uint32_t n_forgiven;           /* bytes of blocks that we gave up: they may still arrive */
    uint16_t n_refused;            /* requests that we refused, less those that we served since */
    uint16_t peer_reqq;            /* requests that the peer queues (BEP 10); 0: unknown */
    uint8_t peer_extensions[EXTENSIONS_MAX]; /* the peer's ids; 0: it does not support it */
    uint8_t head[17]; /* length, id and fixed fields of the current message */
    uint8_t n_head;
    uint8_t state;             /* of the parser: enum session_state */
    bool fast : 1;             /* both ends have BEP 6 */
    bool is_private : 1;       /* the torrent is (BEP 27) */
    bool peer_upload_only : 1; /* BEP 21: the peer declares that it will not download */
    bool keep_bitfield : 1;    /* set by the driver while pieces are missing: report its pieces */
    bool we_have_all : 1;      /* set by the driver: every request can be served */
    bool any_message : 1;      /* a message was received: have-none would be too late */
    bool we_choke : 1, we_interested : 1, peer_chokes : 1, peer_interested : 1;
    uint8_t n_malformed : 5; /* extension handshakes that were ignored */
};
#define SESSION_EMPTY ((struct session){0})

/* After the handshakes. GEOMETRY outlives the session. */
void session_init(struct session *s, const struct geometry *geometry, bool fast, uint64_t now);
/* Both ends have BEP 10: the extensions of this registry (extensions_ours), for a torrent that is
 * private or not. After session_init, before anything is read or sent. REGISTRY outlives the
 * session. */
void session_set_extensions(struct session *s, const struct extension_registry *registry,
                            bool is_private);
/* Frees everything but the data of claims: take those first by session_drop_claim. Safe twice. */
void session_deinit(struct session *s);
/* Whether data can move: the connection deserves a thread. One end may request and wants to, or
 * claims or requests are left. */
bool session_is_active(const struct session *s);
/* Frees what only an active session needs, unless it is active. */
void session_shrink(struct session *s);

/* To be called every few seconds: queues a keep-alive when one is due. 0 or SESSION_DEAD. */
enum {
    SESSION_DEAD = 1, /* broken, or nothing was received for SESSION_SILENCE_NS */
};
int session_tick(struct session *s, uint64_t now);

/* --- messages: queued as output. A peer that does not read them breaks its session ----------- */

/* The first message: have-all, have-none, or the bitfield. HAVE may be NULL: no piece. */
void session_send_have_set(struct session *s, const struct bitfield *have);
/* What our extension handshake says of us (BEP 21). */
enum session_aim {
    SESSION_WANTS_PIECES,
    SESSION_UPLOADS_ONLY,
};

/* The extension handshake, after the first message, and again when AIM has changed. PORT: where we
 * listen. Nothing is sent to a peer without BEP 10. */
void session_send_extension_handshake(struct session *s, uint16_t port, enum session_aim aim);
/* A message of EXTENSION (our id of it), after the handshake. Nothing is sent to a peer that does
 * not support it. */
void session_send_extension_message(struct session *s, uint8_t extension, const uint8_t *bytes,
                                    uint32_t n_bytes);
void session_send_have(struct session *s, uint32_t piece);
/* BEP 6: suggests to request PIECE from us now. Nothing is sent to a peer without BEP 6. */
void session_send_suggest(struct session *s, uint32_t piece);
/* These two send a message only on a change. Choking refuses all queued requests. */
void session_set_interested(struct session *s, bool interested);
void session_set_choking(struct session *s, bool choking);

/* Output to send now; 0 when there is none. Valid until the next call of another function. */
size_t session_output(const struct session *s, const uint8_t **bytesp);
void session_output_sent(struct session *s, size_t n_bytes, uint64_t now);

#endif
