/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PEER_SESSION_READ_H
#define CONJURE_PEER_SESSION_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "conjure/base/bitfield.h"
#include "conjure/peer/scratch.h"
#include "conjure/peer/session_download.h"

/*
 * Reading for a session, in a loop:
 *
 *     n = session_plan_read(s, scratch, iov, &aimed);
 *     got = readv(fd, iov, n);
 *     session_did_read(s, scratch, got, now);
 *     while ((kind = session_next_event(s, scratch, now, &event)) > 0)
 *         ...act...
 *     if (kind < 0) close
 *
 * Take all events of a read before the next plan. The caller may call any function of the session
 * while it handles an event, but none between plan and did_read: after it has waited (poll), it
 * plans again. It need not call did_read if nothing was read (EAGAIN). session_cancel also ends
 * claims, and a claim that is added after a choke ends at once: take events after these calls, too.
 *
 * AIMED READS. The session knows the blocks in flight, in the order of their requests. The plan
 * assumes that the next bytes are these blocks, and lets readv put each one into its place in the
 * claim's buffer: header, block, header, block... After the read the session compares the headers
 * with those that it expected. From the first one that differs, it copies the bytes out, and parses
 * them as it parses any other message. The assumption is nearly always right.
 */
#define SESSION_IOV_MAX (2 * SCRATCH_AIMED_MAX + 2)

/* SESSION_HAS is usually the first event, but some clients send a bitfield at any time, in place of
 * many HAVEs. With keep_bitfield off it is not reported, and only s->n_peer_has is kept. */
enum session_event_kind {
    SESSION_NONE,              /* all bytes are parsed */
    SESSION_HAS,               /* event.has; or event.has_all, or neither: no piece */
    SESSION_HAVE,              /* event.piece: the peer has this piece now */
    SESSION_CHOKED,            /* we may no longer request */
    SESSION_UNCHOKED,          /* we may request */
    SESSION_INTERESTED,        /* the peer wants pieces of ours */
    SESSION_NOT_INTERESTED,    /* it does not any more */
    SESSION_REQUESTED,         /* the first request since the upload queue was empty */
    SESSION_SUGGESTED,         /* event.piece: a hint to request it from this peer (BEP 6) */
    SESSION_EXTENDED,          /* an extension handshake (BEP 10): event.client, s->peer_... */
    SESSION_EXTENSION_MESSAGE, /* a message of event.extension: event.bytes, event.n_bytes */
    SESSION_REFUSED,           /* event.piece: a request was rejected although we are not choked */
    SESSION_CLAIM_DONE,        /* event.claim: no block of it is in flight any more */
};

struct session_event {
    uint32_t piece;
    bool has_all;
    struct bitfield has;        /* owned by the receiver of the event */
    struct session_claim claim; /* its data belongs to the driver again */
    uint8_t extension;          /* our id of it (extensions.h) */
    uint32_t n_bytes;
    const uint8_t *bytes; /* what follows the ids; valid until the next session_next_event */
    const char *client;   /* name and version of the peer's client; in the scratch memory */
};

/* Fills IOV (room for SESSION_IOV_MAX) and returns the number of entries. *AIMED_BYTESP: bytes that
 * are expected to arrive in this order, for SO_RCVLOWAT; 0 for a plan that is not aimed. */
unsigned session_plan_read(struct session *s, struct session_scratch *x, struct iovec *iov,
                           size_t *aimed_bytesp);
/* N_BYTES were read as planned. */
void session_did_read(struct session *s, struct session_scratch *x, size_t n_bytes, uint64_t now);
/* The next event's kind, SESSION_NONE, or negative: -EPROTO (s->reason says why) or -ENOMEM. */
int session_next_event(struct session *s, struct session_scratch *x, uint64_t now,
                       struct session_event *eventp);

#endif
