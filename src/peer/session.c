/* SPDX-License-Identifier: MIT */
/*
 * The life of a session and what both ends have declared: choked, interested. The other parts:
 *
 *   session_read.c      where the next bytes go, and what they were
 *   session_parse.c     the parser, and the events
 *   session_transfer.c  downloading: claims, blocks in flight, how many to ask for
 *   session_upload.c    uploading: requests held
 *   session_say.c       messages to the peer
 *
 * A connection on which nothing moves consists of struct session alone; everything that only a
 * transfer needs is in struct session_transfer, made at the first claim or request.
 */
#include "peer/session_private.h"

#include <errno.h>
#include <stdlib.h>

void session_init(struct session *s, const struct geometry *geometry, bool fast, uint64_t now)
{
    *s = SESSION_EMPTY;
    s->geometry = geometry;
    s->fast = fast;
    s->heard_ns = s->said_ns = s->block_ns = now;
    /* BEP 3: connections start out choked and not interested. */
    s->we_choke = s->peer_chokes = true;
}

static void free_transfer(struct session *s)
{
    if (s->transfer)
        free(s->transfer->uploads);
    free(s->transfer);
    s->transfer = NULL;
}

static void free_output(struct session *s)
{
    free(s->out);
    s->out = NULL;
    s->out_at = s->out_end = s->out_size = 0;
}

void session_deinit(struct session *s)
{
    free_transfer(s);
    free_output(s);
    bitfield_deinit(&s->incoming);
    free(s->extension);
    *s = SESSION_EMPTY;
}

int session_break(struct session *s, const char *reason)
{
    if (!session_is_broken(s)) {
        s->state = STATE_BROKEN;
        s->reason = reason;
    }
    return s->state == STATE_BROKEN ? -EPROTO : -ENOMEM;
}

int session_break_no_memory(struct session *s)
{
    if (!session_is_broken(s)) {
        s->state = STATE_NO_MEMORY;
        s->reason = "out of memory";
    }
    return -ENOMEM;
}

int session_need_transfer(struct session *s)
{
    struct session_transfer *t;

    if (s->transfer)
        return 0;
    t = malloc(sizeof *t);
    if (!t)
        return -ENOMEM;
    memset(t, 0, offsetof(struct session_transfer, claims));
    t->depth = DEPTH_FIRST;
    s->transfer = t;
    return 0;
}

void session_set_interested(struct session *s, bool interested)
{
    if (s->we_interested == interested)
        return;
    s->we_interested = interested;
    session_say(s, interested ? ID_INTERESTED : ID_NOT_INTERESTED);
}

void session_set_choking(struct session *s, bool choking, uint64_t now)
{
    if (s->we_choke == choking)
        return;
    s->we_choke = choking;
    session_say(s, choking ? ID_CHOKE : ID_UNCHOKE);
    if (choking)
        session_refuse_all(s);
}

int session_tick(struct session *s, uint64_t now)
{
    if (session_is_broken(s))
        return 1;
    if (now > s->heard_ns && now - s->heard_ns >= SESSION_SILENCE_NS)
        return 1;
    /* Whatever waits in the output will do as a sign of life. */
    if (now > s->said_ns && now - s->said_ns >= SESSION_KEEP_ALIVE_NS && s->out_at == s->out_end)
        session_say_keep_alive(s);
    return session_is_broken(s);
}

bool session_is_snubbed(const struct session *s, uint64_t now)
{
    return session_n_in_flight(s) && now > s->block_ns && now - s->block_ns >= SESSION_SNUBBED_NS;
}

bool session_is_active(const struct session *s)
{
    const struct session_transfer *t = s->transfer;

    return (!s->peer_chokes && s->we_interested) || (!s->we_choke && s->peer_interested) ||
           (t && (t->claims_used || t->n_uploads));
}

void session_shrink(struct session *s)
{
    if (session_is_active(s))
        return;
    free_transfer(s);
    if (s->out_at == s->out_end)
        free_output(s);
}
