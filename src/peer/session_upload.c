/* SPDX-License-Identifier: MIT */
#include "peer/internal.h"
#include "peer/upload_queue.h"

#include <errno.h>

/* BEP 6: a request that is not served is refused by a message. */
static void refuse(struct session *s, const struct session_upload *u)
{
    if (s->fast)
        session_send_block(s, ID_REJECT, u->piece, u->begin, u->length);
}

/* Requests that were in transit when we choked are refused; a peer that goes on and on costs us a
 * message for each. 0 or negative. */
static int refuse_request(struct session *s, const struct session_upload *u)
{
    refuse(s, u);
    if (++s->n_refused <= SESSION_REFUSED_MAX)
        return 0;
    s->reason = "requests blocks although we refuse them";
    return -EPROTO;
}

int session_on_request(struct session *s, const struct session_upload *u)
{
    if (s->we_choke)
        return refuse_request(s, u);
    if (!s->uploads && !(s->uploads = upload_queue_new()))
        return -ENOMEM;
    switch (upload_queue_add(s->uploads, u)) {
    case -ENOMEM:
        return -ENOMEM;
    case UPLOAD_QUEUE_FULL:
        return refuse_request(s, u);
    case UPLOAD_QUEUE_QUEUED:
        return SESSION_NONE;
    }
    return s->uploads->n == 1 ? SESSION_REQUESTED : SESSION_NONE;
}

/* BEP 6: a cancelled request is answered as well: by the block if that is being sent, or by a
 * reject. */
void session_on_cancel(struct session *s, const struct session_upload *u)
{
    if (s->uploads && upload_queue_remove(s->uploads, u))
        refuse(s, u);
}

void session_refuse_all(struct session *s)
{
    if (!s->uploads)
        return;
    for (uint32_t i = 0; i < s->uploads->n; i++)
        refuse(s, upload_queue_at(s->uploads, i));
    upload_queue_clear(s->uploads);
}

enum session_upload_kind session_next_upload(struct session *s, struct session_upload *uploadp)
{
    if (!session_has_uploads(s))
        return SESSION_UPLOAD_NONE;
    *uploadp = *upload_queue_at(s->uploads, 0);
    if (!s->we_have_all && !upload_queue_knows(s->uploads, uploadp->piece))
        return SESSION_UPLOAD_UNKNOWN;
    upload_queue_pop(s->uploads);
    if (s->n_refused)
        s->n_refused--;
    return SESSION_UPLOAD_READY;
}

void session_know_piece(struct session *s, uint32_t piece, bool have)
{
    struct upload_queue *q = s->uploads;

    /* The queue may have been freed since the question. */
    if (!q)
        return;
    if (have) {
        upload_queue_add_known(q, piece);
        return;
    }
    for (uint32_t i = 0; i < q->n; i++) {
        if (upload_queue_at(q, i)->piece == piece) {
            refuse(s, upload_queue_at(q, i));
            s->n_refused++;
        }
    }
    upload_queue_remove_piece(q, piece);
}

void session_uploaded(struct session *s, uint32_t n_bytes, uint64_t now)
{
    rate_add(&s->up, n_bytes, now);
    s->sent_ns = now;
}

bool session_last_upload(const struct session *s, struct session_upload *uploadp)
{
    if (!session_has_uploads(s))
        return false;
    *uploadp = *upload_queue_at(s->uploads, s->uploads->n - 1);
    return true;
}

uint32_t session_n_uploads(const struct session *s)
{
    return s->we_choke || !s->uploads ? 0 : s->uploads->n;
}

bool session_has_uploads(const struct session *s)
{
    return session_n_uploads(s) > 0;
}
