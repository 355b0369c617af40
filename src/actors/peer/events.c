/* SPDX-License-Identifier: MIT */
/* Acts on the events of a session. */
#include "actors/peer/events.h"

#include <string.h>

#include "actors/peer/internal.h"
#include "conjure/base/log.h"

#define FACILITY "peer"

/* A peer that sends twice as many HAVEs as there are pieces is broken. */
static void has_piece(struct peer *p, uint32_t piece)
{
    if (++p->n_haves / 2 > p->session.geometry->n_pieces) {
        peer_must_close(p, "sends too many HAVEs");
        p->at_fault = true;
        return;
    }
    peer_report_piece(p, piece);
    if (p->session.n_peer_has == p->session.geometry->n_pieces)
        peer_report_interest(p);
}

static void extended(struct peer *p, const char *client)
{
    char text[ADDR_TEXT_MAX];

    log_debug(FACILITY, "%s: %s%s", addr_format(&p->addr, text),
              client[0] ? client : "a client without a name",
              p->session.peer_upload_only ? ", downloads nothing" : "");
    peer_report_interest(p);
    if (p->session.peer_upload_only)
        peer_report_not_interested(p);
}

static void act_on(struct peer *p, int kind, struct session_event *e, uint64_t now)
{
    switch (kind) {
    case SESSION_HAS:
        peer_report_pieces(p, e);
        peer_report_interest(p);
        break;
    case SESSION_HAVE:
        has_piece(p, e->piece);
        break;
    case SESSION_INTERESTED:
        peer_report_interest(p);
        break;
    case SESSION_NOT_INTERESTED:
        peer_report_interest(p);
        peer_report_not_interested(p);
        break;
    case SESSION_EXTENDED:
        extended(p, e->client);
        break;
    case SESSION_SUGGESTED:
        if (!p->seeding && p->session.we_interested)
            peer_report_suggestion(p, e->piece);
        break;
    case SESSION_REFUSED:
        peer_download_refused(p, e->piece, now);
        break;
    case SESSION_CLAIM_DONE:
        peer_download_store(p, &e->claim);
        break;
    default: /* choked, unchoked, requested: the owner looks at the session's state */
        break;
    }
}

int peer_take_events(struct peer *p, struct session_scratch *scratch, uint64_t now)
{
    struct session_event event;
    int kind;

    owner_assert(&p->owner);
    p->events_due = false;
    while ((kind = session_next_event(&p->session, scratch, now, &event)) > 0)
        act_on(p, kind, &event, now);
    if (kind < 0) {
        p->at_fault = true;
        p->reason = p->session.reason ? p->session.reason : strerror(-kind);
    }
    return kind;
}
