/* SPDX-License-Identifier: MIT */
/*
 * Reports to InterestStat and Choker about a connection.
 *
 * ONE REPORT OF A KIND. Whatever a peer sends, other actors have at most one report of each kind
 * from its connection in their inboxes: a report is a query, and the next one is sent when the
 * reply to the last has arrived. What happens meanwhile is collected in p->unreported, in bounded
 * memory.
 */
#include "actors/peer/report.h"

#include "actors/peer/internal.h"
#include "conjure/actors/torrent.h"

/* p->unreported.out has a bit for each. */
enum report_kind {
    REPORT_GOT,
    REPORT_LOST,
    REPORT_SUGGESTED,
    REPORT_NOT_INTERESTED,
    REPORT_INTEREST,
    REPORT_BEGAN,
};

static bool may_send(const struct peer *p, enum report_kind kind)
{
    return !(p->unreported.out & 1u << kind) && p->state != PEER_CLOSING;
}

static void note_sent(struct peer *p, enum report_kind kind)
{
    p->unreported.out = (uint8_t)(p->unreported.out | 1u << kind);
    p->n_queries++;
}

static void note_reply(struct peer *p, enum report_kind kind)
{
    p->unreported.out = (uint8_t)(p->unreported.out & ~(1u << kind));
    p->n_queries--;
}

/* --- InterestStat ------------------------------------------------------------------------- */

/* Takes HAS. */
static void join(struct peer *p, struct session_event *e)
{
    struct interest_peer_joined *m;

    if (p->joined_interest || !p->session.keep_bitfield) {
        bitfield_deinit(&e->has);
        return;
    }
    m = interest_new_peer_joined();
    m->peer = p->id;
    m->inbox = &p->inbox;
    m->host = addr_host(&p->addr);
    m->has = e->has;
    m->has_all = e->has_all;
    m->n_seen = p->n_seen;
    e->has = BITFIELD_EMPTY;
    if (interest_tell_peer_joined(&p->torrent->interest, m)) {
        p->joined_interest = true;
    } else {
        bitfield_deinit(&m->has);
        msg_free(&m->msg);
    }
}

void peer_join_interest(struct peer *p)
{
    struct session_event no_piece = {.has = BITFIELD_EMPTY};

    owner_assert(&p->owner);
    join(p, &no_piece);
}

static void free_got(struct interest_peer_got_piece *m)
{
    if (!m)
        return;
    bitfield_deinit(&m->has);
    msg_free(&m->msg);
}

static void send_got(struct peer *p)
{
    struct interest_peer_got_piece *m = p->unreported.got;

    if (!m || !may_send(p, REPORT_GOT))
        return;
    p->unreported.got = NULL;
    if (peer_ask_interest_peer_got_piece(&p->inbox, &p->torrent->interest, m))
        note_sent(p, REPORT_GOT);
    else
        free_got(m);
}

static struct interest_peer_got_piece *need_got(struct peer *p)
{
    struct interest_peer_got_piece *m = p->unreported.got;

    if (m)
        return m;
    m = p->unreported.got = interest_new_peer_got_piece();
    m->peer = p->id;
    return m;
}

static void add_got(struct peer *p, uint32_t piece)
{
    struct interest_peer_got_piece *m = need_got(p);

    if (m->has_all || piece_list_add(&m->pieces, piece))
        return;
    if (m->has.bytes || !bitfield_init(&m->has, p->session.geometry->n_pieces))
        bitfield_set(&m->has, piece);
    else
        peer_must_close(p, "no memory for the pieces that it has");
}

/* Takes HAS. */
static void add_all_got(struct peer *p, struct bitfield *has, bool has_all)
{
    struct interest_peer_got_piece *m = need_got(p);

    if (has_all) {
        m->has_all = true;
        bitfield_deinit(&m->has);
    } else if (m->has.bytes && has->bytes) {
        bitfield_add(&m->has, has);
    } else if (has->bytes && !m->has_all) {
        m->has = *has;
        *has = BITFIELD_EMPTY;
    }
    bitfield_deinit(has);
}

void peer_report_pieces(struct peer *p, struct session_event *e)
{
    owner_assert(&p->owner);
    if (!p->joined_interest) {
        join(p, e);
        return;
    }
    add_all_got(p, &e->has, e->has_all);
    send_got(p);
}

void peer_report_piece(struct peer *p, uint32_t piece)
{
    owner_assert(&p->owner);
    if (!p->session.keep_bitfield)
        return;
    peer_join_interest(p);
    add_got(p, piece);
    send_got(p);
}

void peer_got_piece_replied(struct peer *p, struct interest_peer_got_piece *m)
{
    owner_assert(&p->owner);
    note_reply(p, REPORT_GOT);
    free_got(m);
    send_got(p);
}

static void send_lost(struct peer *p)
{
    struct interest_peer_lost_piece *m = p->unreported.lost;

    if (!m || !may_send(p, REPORT_LOST))
        return;
    p->unreported.lost = NULL;
    if (peer_ask_interest_peer_lost_piece(&p->inbox, &p->torrent->interest, m))
        note_sent(p, REPORT_LOST);
    else
        msg_free(&m->msg);
}

/* A piece for which the list has no room is refused, and reported, again. */
void peer_report_lost_piece(struct peer *p, uint32_t piece)
{
    owner_assert(&p->owner);
    if (!p->unreported.lost) {
        p->unreported.lost = interest_new_peer_lost_piece();
        p->unreported.lost->peer = p->id;
    }
    piece_list_add(&p->unreported.lost->pieces, piece);
    send_lost(p);
}

void peer_lost_piece_replied(struct peer *p, struct interest_peer_lost_piece *m)
{
    owner_assert(&p->owner);
    note_reply(p, REPORT_LOST);
    msg_free(&m->msg);
    send_lost(p);
}

static void send_suggested(struct peer *p)
{
    struct interest_piece_suggested *m = p->unreported.suggested;

    if (!m || !may_send(p, REPORT_SUGGESTED))
        return;
    p->unreported.suggested = NULL;
    if (peer_ask_interest_piece_suggested(&p->inbox, &p->torrent->interest, m))
        note_sent(p, REPORT_SUGGESTED);
    else
        msg_free(&m->msg);
}

void peer_report_suggestion(struct peer *p, uint32_t piece)
{
    owner_assert(&p->owner);
    if (!p->unreported.suggested) {
        p->unreported.suggested = interest_new_piece_suggested();
        p->unreported.suggested->peer = p->id;
    }
    piece_list_add_newest(&p->unreported.suggested->pieces, piece);
    send_suggested(p);
}

void peer_suggestion_replied(struct peer *p, struct interest_piece_suggested *m)
{
    owner_assert(&p->owner);
    note_reply(p, REPORT_SUGGESTED);
    msg_free(&m->msg);
    send_suggested(p);
}

/* A peer that is interested again has asked for more since: then the old report would be wrong. */
static void send_not_interested(struct peer *p)
{
    struct interest_peer_not_interested *m;

    if (!p->unreported.not_interested || !may_send(p, REPORT_NOT_INTERESTED))
        return;
    p->unreported.not_interested = false;
    if (p->session.peer_interested && !p->session.peer_upload_only)
        return;
    m = interest_new_peer_not_interested();
    m->peer = p->id;
    if (peer_ask_interest_peer_not_interested(&p->inbox, &p->torrent->interest, m))
        note_sent(p, REPORT_NOT_INTERESTED);
    else
        msg_free(&m->msg);
}

void peer_report_not_interested(struct peer *p)
{
    owner_assert(&p->owner);
    if (!p->super_seeding || !p->joined_interest)
        return;
    p->unreported.not_interested = true;
    send_not_interested(p);
}

void peer_not_interested_replied(struct peer *p, struct interest_peer_not_interested *m)
{
    owner_assert(&p->owner);
    note_reply(p, REPORT_NOT_INTERESTED);
    msg_free(&m->msg);
    send_not_interested(p);
}

/* --- Choker ------------------------------------------------------------------------------- */

void peer_report_interest(struct peer *p)
{
    struct choker_interest_changed *m;
    bool seed = p->session.n_peer_has == p->session.geometry->n_pieces;
    /* A peer that declared upload_only gets no slot, even if it sends INTERESTED. */
    bool interested = p->session.peer_interested && !p->session.peer_upload_only;

    owner_assert(&p->owner);
    if (!p->joined_choker || !may_send(p, REPORT_INTEREST) ||
        (p->reported_interested == interested &&
         p->reported_we_interested == p->session.we_interested && p->reported_seed == seed))
        return;
    m = choker_new_interest_changed();
    m->peer = p->id;
    m->peer_interested = p->reported_interested = interested;
    m->we_interested = p->reported_we_interested = p->session.we_interested;
    m->peer_is_seed = p->reported_seed = seed;
    if (peer_ask_choker_interest_changed(&p->inbox, p->env->choker, m))
        note_sent(p, REPORT_INTEREST);
    else
        msg_free(&m->msg);
}

void peer_interest_replied(struct peer *p, struct choker_interest_changed *m)
{
    owner_assert(&p->owner);
    note_reply(p, REPORT_INTEREST);
    msg_free(&m->msg);
    peer_report_interest(p);
}

static void send_began(struct peer *p)
{
    struct choker_began *m = p->unreported.began;

    if (!m || !may_send(p, REPORT_BEGAN))
        return;
    p->unreported.began = NULL;
    if (peer_ask_choker_began(&p->inbox, p->env->choker, m))
        note_sent(p, REPORT_BEGAN);
    else
        msg_free(&m->msg);
}

void peer_report_began(struct peer *p, uint32_t piece)
{
    owner_assert(&p->owner);
    if (!p->guided || p->work->report.began == piece)
        return;
    p->work->report.began = piece;
    if (!p->unreported.began) {
        p->unreported.began = choker_new_began();
        p->unreported.began->peer = p->id;
    }
    piece_list_add_newest(&p->unreported.began->pieces, piece);
    send_began(p);
}

void peer_began_replied(struct peer *p, struct choker_began *m)
{
    owner_assert(&p->owner);
    note_reply(p, REPORT_BEGAN);
    msg_free(&m->msg);
    send_began(p);
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

void peer_report_deinit(struct peer_unreported *u)
{
    free_got(u->got);
    if (u->lost)
        msg_free(&u->lost->msg);
    if (u->suggested)
        msg_free(&u->suggested->msg);
    if (u->began)
        msg_free(&u->began->msg);
    *u = (struct peer_unreported){0};
}
