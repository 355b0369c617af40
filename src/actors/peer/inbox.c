/* SPDX-License-Identifier: MIT */
/*
 * The inbox of a connection: requests of other actors, and the replies to its own queries.
 *
 * The torrent may become complete at any time. Then the Lobby sends Completed to all peers, and
 * InterestStat ends once every peer has it in its inbox. A peer that InterestStat refused has not
 * read Completed yet.
 */
#include "actors/peer/internal.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/clock.h"

/* HAVEs that may be queued at once: 600 KiB of output. */
#define HAVES_MAX 65536

static void on_have(struct peer *p, struct peer_have *m)
{
    session_send_have(&p->session, m->piece);
}

static void on_choke(struct peer *p, struct peer_choke *m)
{
    session_set_choking(&p->session, true);
}

static void on_unchoke(struct peer *p, struct peer_unchoke *m)
{
    p->guided = m->guided;
    session_set_choking(&p->session, false);
}

static void on_suggest(struct peer *p, struct peer_suggest *m)
{
    session_send_suggest(&p->session, m->piece);
}

static void on_unguided(struct peer *p, struct peer_unguided *m)
{
    p->guided = false;
}

static void on_interest(struct peer *p, struct peer_interest *m)
{
    session_set_interested(&p->session, m->interested);
    peer_report_interest(p);
}

/* Super-seeding is over: send HAVE for every piece. */
static void announce_all(struct peer *p)
{
    uint32_t n = p->session.geometry->n_pieces;

    p->super_seeding = false;
    if (n > HAVES_MAX) {
        peer_must_close(p, "super-seeding is over: the next handshake names all pieces");
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        session_send_have(&p->session, i);
}

/* Blocks in flight may still arrive: they were claimed by this peer alone, or twice. */
static void on_completed(struct peer *p, struct peer_completed *m)
{
    p->seeding = true;
    p->have = m->have;
    p->session.we_have_all = !m->have;
    p->session.keep_bitfield = false;
    if (p->state == PEER_CLOSING)
        return;
    if (p->super_seeding)
        announce_all(p);
    session_set_interested(&p->session, false);
    session_send_extension_handshake(&p->session, p->torrent->swarm->port, SESSION_UPLOADS_ONLY);
    peer_report_interest(p);
    if (peer_wants_nothing(p))
        peer_must_close(p, PEER_USELESS);
}

static void on_cancel_blocks(struct peer *p, struct peer_cancel_blocks *m)
{
    session_cancel(&p->session, m->piece, m->first_block, m->blocks);
    p->events_due = true;
}

static void on_yield(struct peer *p, struct peer_yield *m)
{
    if (p->work)
        p->work->yields = true;
}

static void on_shutdown(struct peer *p, struct peer_shutdown *m)
{
    peer_must_close(p, "closed by us");
}

static void reply_interest_have_piece(struct peer *p, struct interest_have_piece *m)
{
    p->n_queries--;
    p->asked_piece = false;
    session_know_piece(&p->session, m->piece, m->have);
    msg_free(&m->msg);
}

static void reply_interest_next_piece(struct peer *p, struct interest_next_piece *m)
{
    peer_download_claimed(p, m);
}

static void reply_interest_peer_left(struct peer *p, struct interest_peer_left *m)
{
    p->n_queries--;
    msg_free(&m->msg);
}

static void reply_choker_peer_left(struct peer *p, struct choker_peer_left *m)
{
    p->n_queries--;
    msg_free(&m->msg);
}

static void reply_interest_peer_got_piece(struct peer *p, struct interest_peer_got_piece *m)
{
    peer_got_piece_replied(p, m);
}

static void reply_interest_peer_not_interested(struct peer *p,
                                               struct interest_peer_not_interested *m)
{
    peer_not_interested_replied(p, m);
}

static void reply_interest_peer_lost_piece(struct peer *p, struct interest_peer_lost_piece *m)
{
    peer_lost_piece_replied(p, m);
}

static void reply_interest_piece_suggested(struct peer *p, struct interest_piece_suggested *m)
{
    peer_suggestion_replied(p, m);
}

static void reply_choker_interest_changed(struct peer *p, struct choker_interest_changed *m)
{
    peer_interest_replied(p, m);
}

static void reply_choker_began(struct peer *p, struct choker_began *m)
{
    peer_began_replied(p, m);
}

static void reply_fs_store_blocks(struct peer *p, struct fs_store_blocks *m)
{
    peer_download_stored(p, m);
}

static void reply_fs_lease_file(struct peer *p, struct fs_lease_file *m)
{
    peer_lease_replied(p, m);
}

static void reply_bandwidth_want_quota(struct peer *p, struct bandwidth_want_quota *m)
{
    peer_quota_replied(p, m);
}

MSG_DISPATCH(peer, PEER_TABLE, struct peer);

void peer_receive_all(struct peer *p)
{
    struct msg *m;

    owner_assert(&p->owner);
    while ((m = channel_receive(&p->inbox.channel)))
        peer_dispatch(p, m);
}
