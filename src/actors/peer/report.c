/* SPDX-License-Identifier: MIT */
/* Reports to InterestStat and Choker about a connection. */
#include "actors/peer/report.h"

#include "actors/peer/internal.h"
#include "conjure/actors/torrent.h"

/* --- InterestStat ------------------------------------------------------------------------- */

/* Takes HAS. */
static void join(struct peer *p, struct bitfield *has, bool has_all)
{
    struct interest_peer_joined *m;

    if (p->joined_interest || !p->session.keep_bitfield) {
        bitfield_deinit(has);
        return;
    }
    m = interest_new_peer_joined();
    m->peer = p->id;
    m->inbox = &p->inbox;
    m->has = *has;
    m->has_all = has_all;
    m->n_seen = p->n_seen;
    *has = BITFIELD_EMPTY;
    if (interest_tell_peer_joined(&p->torrent->interest, m)) {
        p->joined_interest = true;
    } else {
        bitfield_deinit(&m->has);
        msg_free(&m->msg);
    }
}

void peer_join_interest(struct peer *p)
{
    struct bitfield none = BITFIELD_EMPTY;

    owner_assert(&p->owner);
    join(p, &none, false);
}

static void tell_got_piece(struct peer *p, uint32_t piece)
{
    struct interest_peer_got_piece *m = interest_new_peer_got_piece();

    m->peer = p->id;
    m->piece = piece;
    interest_tell_or_drop_peer_got_piece(&p->torrent->interest, m);
}

/* A later bitfield is reported piece by piece, and each piece once: a peer that repeats its
 * bitfield must not cause thousands of messages to InterestStat. */
static void report_later_pieces(struct peer *p, const struct session_event *e)
{
    uint32_t n = p->session.geometry->n_pieces;

    if (!p->reported_pieces.bytes && bitfield_init(&p->reported_pieces, n)) {
        peer_must_close(p, "no memory for the pieces that it has");
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        if ((e->has_all || (e->has.bytes && bitfield_test(&e->has, i))) &&
            bitfield_set(&p->reported_pieces, i))
            tell_got_piece(p, i);
}

void peer_report_pieces(struct peer *p, struct session_event *e)
{
    owner_assert(&p->owner);
    if (p->joined_interest)
        report_later_pieces(p, e);
    else
        join(p, &e->has, e->has_all);
    bitfield_deinit(&e->has);
}

void peer_report_piece(struct peer *p, uint32_t piece)
{
    owner_assert(&p->owner);
    if (!p->session.keep_bitfield)
        return;
    peer_join_interest(p);
    tell_got_piece(p, piece);
}

void peer_report_lost_piece(struct peer *p, uint32_t piece)
{
    struct interest_peer_lost_piece *m = interest_new_peer_lost_piece();

    owner_assert(&p->owner);
    m->peer = p->id;
    m->piece = piece;
    interest_tell_or_drop_peer_lost_piece(&p->torrent->interest, m);
}

void peer_report_suggestion(struct peer *p, uint32_t piece)
{
    struct interest_piece_suggested *m = interest_new_piece_suggested();

    owner_assert(&p->owner);
    m->peer = p->id;
    m->piece = piece;
    interest_tell_or_drop_piece_suggested(&p->torrent->interest, m);
}

void peer_report_not_interested(struct peer *p)
{
    struct interest_peer_not_interested *m;

    owner_assert(&p->owner);
    if (!p->super_seeding || !p->joined_interest)
        return;
    m = interest_new_peer_not_interested();
    m->peer = p->id;
    interest_tell_or_drop_peer_not_interested(&p->torrent->interest, m);
}

/* --- Choker ------------------------------------------------------------------------------- */

void peer_report_interest(struct peer *p)
{
    struct choker_interest_changed *m;
    bool seed = p->session.n_peer_has == p->session.geometry->n_pieces;
    /* A peer that declared upload_only gets no slot, even if it sends INTERESTED. */
    bool interested = p->session.peer_interested && !p->session.peer_upload_only;

    owner_assert(&p->owner);
    if (!p->joined_choker ||
        (p->reported_interested == interested &&
         p->reported_we_interested == p->session.we_interested && p->reported_seed == seed))
        return;
    m = choker_new_interest_changed();
    m->peer = p->id;
    m->peer_interested = p->reported_interested = interested;
    m->we_interested = p->reported_we_interested = p->session.we_interested;
    m->peer_is_seed = p->reported_seed = seed;
    choker_tell_or_drop_interest_changed(p->env->choker, m);
}

void peer_report_began(struct peer *p, uint32_t piece)
{
    struct choker_began *m;

    owner_assert(&p->owner);
    if (!p->guided || p->work->report.began == piece)
        return;
    p->work->report.began = piece;
    m = choker_new_began();
    m->peer = p->id;
    m->piece = piece;
    choker_tell_or_drop_began(p->env->choker, m);
}

void peer_report_rates(struct peer *p, uint64_t now)
{
    struct peer_report *r = &p->work->report;
    uint64_t down = p->session.down.total, up = p->session.up.total;
    bool snubbed = p->work->download.snubbed || session_is_snubbed(&p->session, now);
    struct choker_rates *m;

    owner_assert(&p->owner);
    r->rates_ns = now;
    if (down == r->down && up == r->up && snubbed == r->snubbed)
        return;
    m = choker_new_rates();
    m->peer = p->id;
    m->downloaded = down - r->down;
    m->uploaded = up - r->up;
    m->snubbed = r->snubbed = snubbed;
    r->down = down;
    r->up = up;
    choker_tell_or_drop_rates(p->env->choker, m);
}
