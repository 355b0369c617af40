/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PEER_SESSION_UPLOAD_H
#define CONJURE_PEER_SESSION_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Uploading over a session: it queues what the peer requests, and the driver takes one request
 * after the other, and sends the header and the data itself. Requests are refused (BEP 6) or
 * dropped while we choke the peer, when the queue is full, and for pieces that we do not have.
 */
#define SESSION_REQUEST_MAX  131072u /* bytes of a block that a peer may request */
#define SESSION_REQUESTS_MAX 1024    /* requests queued for one peer */

struct session;

struct session_upload {
    uint32_t piece, begin, length;
};
enum session_upload_kind {
    SESSION_UPLOAD_NONE,    /* the queue is empty, or we choke the peer */
    SESSION_UPLOAD_READY,   /* taken off the queue: send it whole */
    SESSION_UPLOAD_UNKNOWN, /* still queued: call session_know_piece for upload.piece */
};

enum session_upload_kind session_next_upload(struct session *s, struct session_upload *uploadp);
/* Whether we have PIECE. If not, its requests are refused; if so, that is remembered for the last
 * few pieces. */
void session_know_piece(struct session *s, uint32_t piece, bool have);
/* The message header that precedes the data. */
void session_upload_header(const struct session_upload *u, uint8_t header[13]);
/* N_BYTES of content were sent. */
void session_uploaded(struct session *s, uint32_t n_bytes, uint64_t now);
/* Requests that are queued and may be served: none while we choke. */
uint32_t session_n_uploads(const struct session *s);
bool session_has_uploads(const struct session *s);
/* The last request of the queue; false when it is empty. */
bool session_last_upload(const struct session *s, struct session_upload *uploadp);

#endif
