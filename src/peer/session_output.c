/* SPDX-License-Identifier: MIT */
/*
 * Messages to the peer, encoded into one buffer that grows. Only control messages: the driver sends
 * the data of blocks itself.
 *
 * No function returns an error, for a caller could only close the session: it breaks, and the next
 * event or tick reports that.
 */
#include "peer/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OUT_FIRST 256u
/* Output that a peer may leave unread: a bitfield of the largest torrent, and as much again. */
#define OUT_MAX (1u << 20)

/* Room for N bytes at the end of the output, or NULL and the session is broken. */
static uint8_t *out_reserve(struct session *s, uint32_t n)
{
    uint32_t pending = s->out_end - s->out_at, size = s->out_size ? s->out_size : OUT_FIRST;
    uint8_t *out;

    if (session_is_broken(s))
        return NULL;
    /* A peer can cause messages (each request while we choke it is refused, BEP 6) and not read
     * them: that must not cost us memory. */
    if (n > OUT_MAX - pending) {
        session_break(s, -EPROTO, "does not read what we send");
        return NULL;
    }
    if (s->out_size - s->out_end < n) {
        if (s->out_at) {
            memmove(s->out, s->out + s->out_at, pending);
            s->out_at = 0;
            s->out_end = pending;
        }
        while (size - pending < n)
            size *= 2;
        if (size != s->out_size) {
            out = realloc(s->out, size);
            if (!out) {
                session_break(s, -ENOMEM, NULL);
                return NULL;
            }
            s->out = out;
            s->out_size = size;
        }
    }
    out = s->out + s->out_end;
    s->out_end += n;
    return out;
}

void session_send_keep_alive(struct session *s)
{
    uint8_t *p = out_reserve(s, 4);

    if (p)
        put_be32(p, 0);
}

void session_send(struct session *s, enum message_id id)
{
    uint8_t *p = out_reserve(s, 5);

    if (p)
        *put_be32(p, 1) = (uint8_t)id;
}

static void session_send_piece(struct session *s, enum message_id id, uint32_t piece)
{
    uint8_t *p = out_reserve(s, 9);

    if (!p)
        return;
    p = put_be32(p, 5);
    *p++ = (uint8_t)id;
    put_be32(p, piece);
}

void session_send_block(struct session *s, enum message_id id, uint32_t piece, uint32_t begin,
                        uint32_t length)
{
    uint8_t *p = out_reserve(s, 17);

    if (!p)
        return;
    p = put_be32(p, 13);
    *p++ = (uint8_t)id;
    put_be32(put_be32(put_be32(p, piece), begin), length);
}

void session_send_have_set(struct session *s, const struct bitfield *have)
{
    bool none = !have || !have->n_set;
    uint32_t size;
    uint8_t *p;

    /* BEP 3: no message when we have nothing. BEP 6: have-none. */
    if (none && !s->fast)
        return;
    if (s->fast && (none || bitfield_all(have))) {
        session_send(s, none ? ID_HAVE_NONE : ID_HAVE_ALL);
        return;
    }
    size = (uint32_t)bitfield_size(have->n_bits);
    p = out_reserve(s, 5 + size);
    if (!p)
        return;
    p = put_be32(p, 1 + size);
    *p++ = ID_BITFIELD;
    memcpy(p, have->bytes, size);
}

void session_send_extended(struct session *s, uint8_t extension, const uint8_t *bytes, uint32_t n)
{
    uint8_t *p;

    assert(n < OUT_MAX);
    p = out_reserve(s, EXTENDED_HEADER + n);
    if (!p)
        return;
    p = put_be32(p, EXTENDED_HEADER - 4 + n);
    *p++ = ID_EXTENDED;
    *p++ = extension;
    if (n)
        memcpy(p, bytes, n);
}

void session_send_have(struct session *s, uint32_t piece)
{
    session_send_piece(s, ID_HAVE, piece);
}

void session_send_suggest(struct session *s, uint32_t piece)
{
    if (s->fast)
        session_send_piece(s, ID_SUGGEST, piece);
}

void session_upload_header(const struct session_upload *u, uint8_t header[13])
{
    message_put_piece_header(header, u->piece, u->begin, u->length);
}

size_t session_output(const struct session *s, const uint8_t **bytesp)
{
    *bytesp = s->out ? s->out + s->out_at : NULL;
    return s->out_end - s->out_at;
}

void session_output_sent(struct session *s, size_t n_bytes, uint64_t now)
{
    if (!n_bytes)
        return;
    s->sent_ns = now;
    s->out_at += (uint32_t)n_bytes;
    if (s->out_at < s->out_end)
        return;
    s->out_at = s->out_end = 0;
    /* Ten thousand idle connections that are sent every HAVE do not each keep a buffer. */
    if (!s->download && !s->uploads) {
        free(s->out);
        s->out = NULL;
        s->out_size = 0;
    }
}
