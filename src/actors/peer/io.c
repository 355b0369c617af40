/* SPDX-License-Identifier: MIT */
/* Moves bytes between the stream and the session. Blocks are sent by serve.c. */
#include <errno.h>
#include <string.h>

#include "actors/peer/events.h"
#include "actors/peer/internal.h"

int peer_read(struct peer *p, struct session_scratch *scratch, uint64_t now)
{
    struct iovec iov[SESSION_IOV_MAX];
    size_t aimed, n_read = 0;
    uint64_t content = p->session.down.total;
    unsigned n_iov;
    int r;

    owner_assert(&p->owner);
    n_iov = session_plan_read(&p->session, scratch, iov, &aimed);
    r = stream_readv(&p->stream, iov, n_iov, &n_read);
    session_did_read(&p->session, scratch, n_read, now);
    if (r == STREAM_AGAIN)
        return 0;
    if (r) {
        p->reason = r == STREAM_END ? "closed by the other end" : strerror(-r);
        return -ECONNRESET;
    }
    r = peer_take_events(p, scratch, now);
    if (r < 0)
        return r;
    if (p->work && p->session.down.total != content)
        p->work->moved_ns = now;
    if (p->seeding && peer_wants_nothing(p)) {
        p->reason = PEER_USELESS;
        return -ECONNABORTED;
    }
    return 0;
}

int peer_flush(struct peer *p, uint64_t now)
{
    const uint8_t *bytes;
    size_t n_bytes;

    owner_assert(&p->owner);
    while ((n_bytes = session_output(&p->session, &bytes))) {
        size_t n_sent;
        int r = stream_send(&p->stream, bytes, n_bytes, &n_sent);

        if (r == STREAM_AGAIN)
            return PEER_FULL;
        if (r) {
            p->reason = strerror(-r);
            return r;
        }
        session_output_sent(&p->session, n_sent, now);
    }
    return 0;
}
