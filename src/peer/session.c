/* SPDX-License-Identifier: MIT */
/*
 * Init and deinit of a session, what we declared (choked, interested), and time. internal.h lists
 * the other files.
 *
 * An idle connection consists of struct session alone; what only a transfer needs is made at the
 * first claim (download) or request (uploads).
 */
#include "peer/internal.h"

#include <stdlib.h>

#include "peer/download.h"
#include "peer/upload_queue.h"

void session_init(struct session *s, const struct geometry *geometry, bool fast, uint64_t now)
{
    *s = SESSION_EMPTY;
    s->geometry = geometry;
    s->fast = fast;
    s->received_ns = s->sent_ns = now;
    /* BEP 3: connections start choked and not interested. */
    s->we_choke = s->peer_chokes = true;
}

static void free_transfers(struct session *s)
{
    free(s->download);
    s->download = NULL;
    upload_queue_free(s->uploads);
    s->uploads = NULL;
}

static void free_output(struct session *s)
{
    free(s->out);
    s->out = NULL;
    s->out_at = s->out_end = s->out_size = 0;
}

void session_deinit(struct session *s)
{
    free_transfers(s);
    free_output(s);
    bitfield_deinit(&s->incoming);
    free(s->extension);
    *s = SESSION_EMPTY;
}

void session_set_interested(struct session *s, bool interested)
{
    if (s->we_interested == interested)
        return;
    s->we_interested = interested;
    session_send(s, interested ? ID_INTERESTED : ID_NOT_INTERESTED);
}

void session_set_choking(struct session *s, bool choking)
{
    if (s->we_choke == choking)
        return;
    s->we_choke = choking;
    session_send(s, choking ? ID_CHOKE : ID_UNCHOKE);
    if (choking)
        session_refuse_all(s);
    else
        s->n_refused = 0;
}

int session_tick(struct session *s, uint64_t now)
{
    if (session_is_broken(s))
        return SESSION_DEAD;
    if (now > s->received_ns && now - s->received_ns >= SESSION_SILENCE_NS)
        return SESSION_DEAD;
    /* Output that waits shows that we are alive. */
    if (now > s->sent_ns && now - s->sent_ns >= SESSION_KEEP_ALIVE_NS && s->out_at == s->out_end)
        session_send_keep_alive(s);
    return session_is_broken(s) ? SESSION_DEAD : 0;
}

bool session_is_active(const struct session *s)
{
    return (!s->peer_chokes && s->we_interested) || (!s->we_choke && s->peer_interested) ||
           (s->download && s->download->claims_used) || (s->uploads && s->uploads->n);
}

void session_shrink(struct session *s)
{
    if (session_is_active(s))
        return;
    free_transfers(s);
    if (s->out_at == s->out_end)
        free_output(s);
}
