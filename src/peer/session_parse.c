/* SPDX-License-Identifier: MIT */
/*
 * The parser of BEP 3, 6 and 10: a state machine that can stop at any byte. Length, id and fixed
 * fields are collected in s->head, at most 17 bytes. What follows is payload: a block is written to
 * its place in a claim, a bitfield into s->incoming, an extension's message that arrives in parts
 * into s->extension; the rest is skipped.
 *
 * The length is checked against the id before anything is stored, and every number before it is
 * used. A message that a peer may not send breaks the session; one that only arrives late (a block
 * that we cancelled, a request after our choke) does not.
 */
#include "peer/download.h"
#include "peer/internal.h"

#include <errno.h>

/* The length of each message whose fields have a fixed size, with the id. */
static const struct {
    uint8_t length; /* 0: not fixed, or an unknown message */
    bool fast;      /* BEP 6 */
} messages[] = {
    [ID_CHOKE] = {1},           [ID_UNCHOKE] = {1},       [ID_INTERESTED] = {1},
    [ID_NOT_INTERESTED] = {1},  [ID_HAVE] = {5},          [ID_REQUEST] = {13},
    [ID_CANCEL] = {13},         [ID_SUGGEST] = {5, true}, [ID_HAVE_ALL] = {1, true},
    [ID_HAVE_NONE] = {1, true}, [ID_REJECT] = {13, true}, [ID_ALLOWED_FAST] = {5, true},
};
#define N_MESSAGES (sizeof messages / sizeof messages[0])

/* The peer broke the protocol; REASON is a literal. session_next_event ends the session. */
static int refuse(struct session *s, const char *reason)
{
    s->reason = reason;
    return -EPROTO;
}

static int check_length(struct session *s)
{
    uint32_t length = get_be32(s->head);
    uint8_t id;

    if (length > SESSION_MESSAGE_MAX)
        return refuse(s, "message is too long");
    if (s->n_head < 5)
        return 0;
    id = s->head[4];
    if (id == ID_BITFIELD && length != 1 + bitfield_size(s->geometry->n_pieces))
        return refuse(s, "bitfield has the wrong length");
    if (id == ID_PIECE && (length < 9 || length > 9 + SESSION_REQUEST_MAX))
        return refuse(s, "block has an impossible length");
    if (id == ID_EXTENDED && s->extensions && length < EXTENDED_HEADER - 4)
        return refuse(s, "message has the wrong length");
    if (id >= N_MESSAGES)
        return 0;
    if (messages[id].fast && !s->fast)
        return refuse(s, "message of the Fast extension without the extension");
    if (messages[id].length && length != messages[id].length)
        return refuse(s, "message has the wrong length");
    return 0;
}

/* BEP 3: a message of length 0. */
static bool is_keep_alive(const struct session *s)
{
    return !(s->head[0] | s->head[1] | s->head[2] | s->head[3]);
}

/* The number of bytes of the current message that belong into s->head, as far as it is known. */
static uint8_t head_size(const struct session *s)
{
    uint8_t id;

    if (s->n_head < 4 || is_keep_alive(s))
        return 4;
    if (s->n_head < 5)
        return 5;
    id = s->head[4];
    if (id == ID_PIECE)
        return PIECE_HEADER;
    if (id == ID_EXTENDED && s->extensions)
        return EXTENDED_HEADER;
    return id < N_MESSAGES && messages[id].length ? (uint8_t)(4 + messages[id].length) : 5;
}

enum {
    HEAD_COMPLETE = 1,
};
/* HEAD_COMPLETE; 0: more bytes are needed; or negative. */
static int take_head(struct session *s, struct session_scratch *x)
{
    for (uint8_t size; s->n_head < (size = head_size(s));) {
        size_t n = size - s->n_head, available = x->end - x->at;
        int r;

        if (!available)
            return 0;
        if (n > available)
            n = available;
        memcpy(s->head + s->n_head, x->bytes + x->at, n);
        s->n_head = (uint8_t)(s->n_head + n);
        x->at += n;
        if ((s->n_head == 4 || s->n_head == 5) && (r = check_length(s)) != 0)
            return r;
    }
    return HEAD_COMPLETE;
}

/* --- bitfields ------------------------------------------------------------------------------- */

static int begin_bitfield(struct session *s)
{
    s->payload_left = (uint32_t)bitfield_size(s->geometry->n_pieces);
    s->n_peer_has = 0;
    if (s->keep_bitfield && bitfield_init(&s->incoming, s->geometry->n_pieces))
        return -ENOMEM;
    if (s->payload_left)
        s->state = STATE_BITFIELD;
    return SESSION_NONE;
}

static int end_bitfield(struct session *s, struct session_event *e)
{
    s->state = STATE_HEAD;
    if (!s->incoming.bytes)
        return SESSION_NONE;
    if (!s->keep_bitfield || !s->n_peer_has || s->n_peer_has == s->geometry->n_pieces)
        bitfield_deinit(&s->incoming);
    if (!s->keep_bitfield)
        return SESSION_NONE;
    s->incoming.n_set = s->incoming.bytes ? s->n_peer_has : 0;
    e->has = s->incoming;
    e->has_all = s->n_peer_has == s->geometry->n_pieces;
    s->incoming = BITFIELD_EMPTY;
    return SESSION_HAS;
}

static int take_bitfield(struct session *s, const uint8_t *bytes, uint32_t n,
                         struct session_event *e)
{
    uint32_t n_pieces = s->geometry->n_pieces;

    if (s->incoming.bytes)
        memcpy(s->incoming.bytes + bitfield_size(n_pieces) - s->payload_left, bytes, n);
    for (uint32_t i = 0; i < n; i++)
        s->n_peer_has += (uint32_t)__builtin_popcount(bytes[i]);
    s->payload_left -= n;
    if (s->payload_left)
        return SESSION_NONE;
    if (n_pieces % 8 && bytes[n - 1] & (0xff >> (n_pieces % 8)))
        return refuse(s, "bitfield has spare bits set");
    return end_bitfield(s, e);
}

/* BEP 3 allows a bitfield only as the first message, and BEP 6 requires that a bitfield, have-all
 * or have-none is the first. But aria2 (1.36) sends a bitfield or have-all in place of twenty or
 * more HAVEs, at any time. Only have-none makes no sense later. */
static int take_have_set(struct session *s, uint8_t id, struct session_event *e)
{
    if (s->any_message && id == ID_HAVE_NONE)
        return refuse(s, "have-none after other messages");
    if (id == ID_BITFIELD)
        return begin_bitfield(s);
    e->has_all = id == ID_HAVE_ALL;
    s->n_peer_has = e->has_all ? s->geometry->n_pieces : 0;
    return s->keep_bitfield ? SESSION_HAS : SESSION_NONE;
}

static int take_have(struct session *s, uint32_t piece, struct session_event *e)
{
    if (piece >= s->geometry->n_pieces)
        return refuse(s, "has a piece that does not exist");
    e->piece = piece;
    /* The peer's pieces are not kept here: a repeated HAVE counts again, up to all pieces. */
    if (s->n_peer_has < s->geometry->n_pieces)
        s->n_peer_has++;
    return SESSION_HAVE;
}

static int take_suggestion(struct session *s, uint32_t piece, struct session_event *e)
{
    if (piece >= s->geometry->n_pieces)
        return refuse(s, "suggests a piece that does not exist");
    e->piece = piece;
    return SESSION_SUGGESTED;
}

/* --- declarations ---------------------------------------------------------------------------- */

static int take_choke(struct session *s)
{
    if (s->peer_chokes)
        return SESSION_NONE;
    s->peer_chokes = true;
    /* BEP 6: every request that will not be served is rejected. BEP 3: all are lost. */
    if (!s->fast)
        session_lose_all_blocks(s);
    return SESSION_CHOKED;
}

static int take_unchoke(struct session *s)
{
    if (!s->peer_chokes)
        return SESSION_NONE;
    s->peer_chokes = false;
    return SESSION_UNCHOKED;
}

static int take_interest(struct session *s, bool interested)
{
    if (s->peer_interested == interested)
        return SESSION_NONE;
    s->peer_interested = interested;
    return interested ? SESSION_INTERESTED : SESSION_NOT_INTERESTED;
}

/* --- blocks ---------------------------------------------------------------------------------- */

/* A piece or reject of a block that is not in flight: we cancelled it, or the peer is wrong. That
 * does no harm in small numbers. */
static int charge_unasked(struct session *s, uint32_t n_bytes)
{
    return session_charge_unasked(s, n_bytes) ? refuse(s, "sends blocks that we did not request")
                                              : SESSION_NONE;
}

static int take_request(struct session *s, const struct message *m)
{
    const struct session_upload u = {.piece = m->piece, .begin = m->begin, .length = m->size};

    if (m->id == ID_REQUEST)
        return session_on_request(s, &u);
    session_on_cancel(s, &u);
    return SESSION_NONE;
}

static int take_reject(struct session *s, struct in_flight_block *block, struct session_event *e)
{
    e->piece = block->piece;
    session_lose_block(s, block);
    return s->peer_chokes ? SESSION_NONE : SESSION_REFUSED;
}

static int begin_piece(struct session *s, struct in_flight_block *block, uint32_t size,
                       uint64_t now)
{
    if (block)
        session_begin_block(s, block, 0, now);
    else
        session_skip(s, size);
    return SESSION_NONE;
}

/* Request, cancel, reject and piece name a block. */
static int take_block_message(struct session *s, const struct message *m, uint64_t now,
                              struct session_event *e)
{
    struct in_flight_block *block;
    int r;

    if (m->id != ID_PIECE) {
        if (m->piece >= s->geometry->n_pieces)
            return refuse(s, "names a piece that does not exist");
        if (!m->size || m->size > SESSION_REQUEST_MAX ||
            (uint64_t)m->begin + m->size > geometry_piece_size(s->geometry, m->piece))
            return refuse(s, "names a block that does not exist");
    }
    if (m->id == ID_REQUEST || m->id == ID_CANCEL)
        return take_request(s, m);
    block = session_find_block(s, m->piece, m->begin, m->size);
    if (!block && (r = charge_unasked(s, m->size)) != 0)
        return r;
    if (m->id == ID_PIECE)
        return begin_piece(s, block, m->size, now);
    return block ? take_reject(s, block, e) : SESSION_NONE;
}

/* --- the state machine ----------------------------------------------------------------------- */

/* The head is complete. An event kind or negative. */
static int take_message(struct session *s, uint64_t now, struct session_event *e)
{
    const struct message m = message_decode(s->head);
    int r;

    s->n_head = 0;
    if (!m.length)
        return SESSION_NONE;
    switch (m.id) {
    case ID_CHOKE:
        r = take_choke(s);
        break;
    case ID_UNCHOKE:
        r = take_unchoke(s);
        break;
    case ID_INTERESTED:
    case ID_NOT_INTERESTED:
        r = take_interest(s, m.id == ID_INTERESTED);
        break;
    case ID_HAVE:
        r = take_have(s, m.piece, e);
        break;
    case ID_BITFIELD:
    case ID_HAVE_ALL:
    case ID_HAVE_NONE:
        r = take_have_set(s, m.id, e);
        break;
    case ID_REQUEST:
    case ID_CANCEL:
    case ID_REJECT:
    case ID_PIECE:
        r = take_block_message(s, &m, now, e);
        break;
    case ID_SUGGEST:
        return take_suggestion(s, m.piece, e);
    case ID_ALLOWED_FAST: /* a hint that we do not use */
        return SESSION_NONE;
    default:
        if (m.id == ID_EXTENDED && s->extensions)
            session_begin_extended(s, m.length - (EXTENDED_HEADER - 4));
        else
            session_skip(s, m.length - 1);
        return SESSION_NONE;
    }
    s->any_message = true;
    return r;
}

static int take_payload(struct session *s, struct session_scratch *x, uint64_t now,
                        struct session_event *e)
{
    const uint8_t *bytes = x->bytes + x->at;
    size_t available = x->end - x->at;
    uint32_t n = available < s->payload_left ? (uint32_t)available : s->payload_left;

    x->at += n;
    switch (s->state) {
    case STATE_BITFIELD:
        return take_bitfield(s, bytes, n, e);
    case STATE_BLOCK:
        memcpy(s->download->into, bytes, n);
        rate_add(&s->down, n, now);
        session_fill_block(s, n, now);
        return SESSION_NONE;
    case STATE_EXTENSION:
        return session_take_extended(s, x, bytes, n, e);
    default:
        s->payload_left -= n;
        if (!s->payload_left)
            s->state = STATE_HEAD;
        return SESSION_NONE;
    }
}

/* The scratch is shared: the rest must not be parsed as another session's. */
static int drop_rest(struct session_scratch *x, int r)
{
    x->at = x->end = 0;
    return r;
}

int session_next_event(struct session *s, struct session_scratch *x, uint64_t now,
                       struct session_event *eventp)
{
    int r = SESSION_NONE;

    *eventp = (struct session_event){0};
    session_free_extended(s);
    while (!session_take_done_claim(s, &eventp->claim)) {
        if (session_is_broken(s))
            return drop_rest(x, s->state == STATE_BROKEN ? -EPROTO : -ENOMEM);
        if (s->state == STATE_HEAD) {
            r = take_head(s, x);
            if (r == SESSION_NONE)
                return drop_rest(x, r);
            if (r == HEAD_COMPLETE)
                r = take_message(s, now, eventp);
        } else {
            /* An extension's message without a payload waits for no more bytes. */
            if (x->at == x->end && s->payload_left)
                return drop_rest(x, SESSION_NONE);
            r = take_payload(s, x, now, eventp);
        }
        if (r > 0)
            return r;
        if (r < 0)
            session_break(s, r, s->reason); /* reported after the claims that are done */
    }
    return SESSION_CLAIM_DONE;
}
