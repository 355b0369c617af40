/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_PEER_INTERNAL_H
#define CONJURE_SRC_PEER_INTERNAL_H

#include <stdlib.h>

#include "conjure/peer/session.h"
#include "peer/message.h"

/* What the files of a session share. Each calls only those above it in this list:
 *
 *   session_break     how a session ends at an error
 *   session_output    messages to the peer
 *   session_upload    requests of the peer (queued in upload_queue)
 *   session_download  claims and their blocks (requests in in_flight, how many in depth)
 *   session_extended  the extension protocol (BEP 10)
 *   session_parse     the parser, and the events
 *   session_read      where the next bytes are received
 *   session           init and deinit, choking, interest, time
 */

enum session_state {
    STATE_HEAD,      /* collecting length, id and fixed fields in s->head */
    STATE_BLOCK,     /* payload of a block in flight: into its place in the claim */
    STATE_BITFIELD,  /* payload into s->incoming, or only counted */
    STATE_EXTENSION, /* payload of an extension's message, into s->extension if not all is here */
    STATE_SKIP,      /* payload that is not wanted */
    STATE_BROKEN,    /* s->reason is set; the session only waits to be closed */
    STATE_NO_MEMORY, /* the same */
};

static inline bool session_is_broken(const struct session *s)
{
    return s->state >= STATE_BROKEN;
}

/* The session is over, by -EPROTO and REASON (a literal), or by -ENOMEM. The first call counts.
 * Functions that the parser calls do not break the session: they return a negative error, with
 * s->reason set for -EPROTO, and session_next_event breaks it. */
void session_break(struct session *s, int error, const char *reason);

/* Queue a message; the session breaks when there is no room. */
void session_send_keep_alive(struct session *s);
void session_send(struct session *s, enum message_id id);
void session_send_block(struct session *s, enum message_id id, uint32_t piece, uint32_t begin,
                        uint32_t length);

/* EXTENSION: the peer's id of it, or 0 for the handshake. */
void session_send_extended(struct session *s, uint8_t extension, const uint8_t *bytes, uint32_t n);

/* The next N bytes of payload are not wanted. */
static inline void session_skip(struct session *s, uint32_t n)
{
    s->payload_left = n;
    s->state = n ? STATE_SKIP : STATE_HEAD;
}

/* The head of an EXTENDED message is complete; N bytes follow, which may be none. */
void session_begin_extended(struct session *s, uint32_t n);
/* N bytes of it are here: an event kind or negative. */
int session_take_extended(struct session *s, struct session_scratch *x, const uint8_t *bytes,
                          uint32_t n, struct session_event *e);
/* The message that an event showed is not needed any more. */
static inline void session_free_extended(struct session *s)
{
    if (s->extension && s->state != STATE_EXTENSION) {
        free(s->extension);
        s->extension = NULL;
    }
}

/* The peer requests U: an event kind or negative. */
int session_on_request(struct session *s, const struct session_upload *u);
void session_on_cancel(struct session *s, const struct session_upload *u);
void session_refuse_all(struct session *s);

#endif
