/* SPDX-License-Identifier: MIT */
/*
 * The extension protocol (BEP 10) of a session. A message that is longer than its extension allows,
 * or of an extension that we do not support, is skipped. The others are shown where they were read,
 * or when they arrive in parts, collected in s->extension and shown there: memory is taken for no
 * more than one message, and given back at the next call of session_next_event.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "peer/internal.h"

void session_set_extensions(struct session *s, const struct extension_registry *registry,
                            bool is_private)
{
    assert(registry->n <= EXTENSIONS_MAX);
    s->extensions = registry;
    s->is_private = is_private;
}

void session_send_extension_handshake(struct session *s, uint16_t port, enum session_aim aim)
{
    const struct extension_offer offer = {.registry = s->extensions,
                                          .is_private = s->is_private,
                                          .upload_only = aim == SESSION_UPLOADS_ONLY,
                                          .port = port,
                                          .reqq = SESSION_REQUESTS_MAX};
    uint8_t bytes[EXTENSION_OURS_MAX];

    if (!s->extensions)
        return;
    session_send_extended(s, 0, bytes, (uint32_t)extension_handshake_encode(&offer, bytes));
}

void session_send_extension_message(struct session *s, uint8_t extension, const uint8_t *bytes,
                                    uint32_t n_bytes)
{
    if (!s->extensions || !extension_registry_find(s->extensions, extension, s->is_private))
        return;
    if (s->peer_extensions[extension - 1])
        session_send_extended(s, s->peer_extensions[extension - 1], bytes, n_bytes);
}

static int take_handshake(struct session *s, struct session_scratch *x, const uint8_t *bytes,
                          size_t n, struct session_event *e)
{
    struct extension_handshake h;
    int r = extension_handshake_decode(bytes, n, s->extensions, &h);

    if (r == -ENOMEM)
        return r;
    /* Some clients write a field of it wrongly. Without it the connection works, too. */
    if (r && s->n_malformed++ < SESSION_MALFORMED_MAX)
        return SESSION_NONE;
    if (r) {
        s->reason = "extension handshakes are malformed";
        return r;
    }
    /* A later handshake may have only what has changed. */
    if (h.upload_only_present)
        s->peer_upload_only = h.upload_only;
    if (h.reqq)
        s->peer_reqq = h.reqq;
    for (unsigned i = 0; i < s->extensions->n; i++)
        if (h.ids_present & 1u << i)
            s->peer_extensions[i] = h.ids[i];
    memcpy(x->client, h.client, sizeof x->client);
    e->client = x->client;
    return SESSION_EXTENDED;
}

/* A whole message. */
static int take_message(struct session *s, struct session_scratch *x, const uint8_t *bytes,
                        uint32_t n, struct session_event *e)
{
    uint8_t extension = s->head[5];

    s->state = STATE_HEAD;
    if (!extension)
        return take_handshake(s, x, bytes, n, e);
    e->extension = extension;
    e->bytes = bytes;
    e->n_bytes = n;
    return SESSION_EXTENSION_MESSAGE;
}

void session_begin_extended(struct session *s, uint32_t n)
{
    uint8_t extension = s->head[5];
    const struct extension *row =
        extension ? extension_registry_find(s->extensions, extension, s->is_private) : NULL;
    uint32_t max = !extension ? EXTENSION_HANDSHAKE_MAX : row ? row->message_max : 0;

    if (n > max || (extension && !row)) {
        session_skip(s, n);
        return;
    }
    s->payload_left = n;
    s->state = STATE_EXTENSION;
}

int session_take_extended(struct session *s, struct session_scratch *x, const uint8_t *bytes,
                          uint32_t n, struct session_event *e)
{
    uint32_t size = get_be32(s->head) - (EXTENDED_HEADER - 4);

    if (n < size) { /* the usual case is a whole message: no copy */
        if (!s->extension && !(s->extension = malloc(size)))
            return -ENOMEM;
        memcpy(s->extension + size - s->payload_left, bytes, n);
        bytes = s->extension;
    }
    s->payload_left -= n;
    return s->payload_left ? SESSION_NONE : take_message(s, x, bytes, size, e);
}
