/* SPDX-License-Identifier: MIT */
/*
 * InterestStat: the InterestTable behind an inbox.
 *
 * NextPiece queries for which the table has no blocks are parked here, in order of arrival. After a
 * batch of messages, and once a second, they are retried if the table's generation changed (blocks
 * became free, endgame began, a claim is overdue) or their own peer got a piece.
 */
#include "conjure/actors/interest_stat.h"

#include <errno.h>
#include <stdlib.h>

#include "conjure/actors/actor.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/id_map.h"
#include "conjure/base/log.h"
#include "conjure/base/owner.h"
#include "conjure/base/rng.h"
#include "conjure/interest/table.h"
#include "conjure/msg/peer.h"
#include "conjure/torrent/padding.h"

/* A peer that has joined: the user pointer of its row. */
struct stat_peer {
    struct peer_inbox *inbox;
    bool retry; /* it got a missing piece since the parked queries were last tried */
};

struct interest_stat {
    struct actor actor;
    struct owner starter; /* Master's thread */
    struct torrent *torrent;
    struct master_inbox *master;
    struct lobby_inbox *lobby;
    struct rng rng;
    struct interest_table *table;
    struct id_map peers; /* of struct stat_peer */
    struct interest_next_piece **parked;
    size_t n_parked, parked_room;
    uint64_t generation; /* of the table when parked queries were last tried */
    bool any_retry;
    bool completed;     /* TorrentCompleted was sent to Master */
    uint32_t *verified; /* pieces in the order verified, after the n_initial of the start */
    uint32_t n_verified, n_initial;
    struct interest_shutdown *shutdown; /* replied to at the end */
};

/* Once our inbox is closed a peer cannot send PeerLeft any more, and may be freed at any time: it
 * is sent nothing but replies. */
static void send_effects(struct interest_stat *is)
{
    struct interest_effect e;

    while (interest_table_next_effect(is->table, &e)) {
        struct stat_peer *p = e.user;

        if (is->shutdown)
            continue;
        if (e.kind == INTEREST_CANCEL) {
            struct peer_cancel_blocks *m = peer_new_cancel_blocks();

            m->piece = e.piece;
            m->first_block = e.first_block;
            m->blocks = e.blocks;
            peer_tell_or_drop_cancel_blocks(p->inbox, m);
        } else {
            struct peer_interest *m = peer_new_interest();

            m->interested = e.kind == INTEREST_BEGINS;
            peer_tell_or_drop_interest(p->inbox, m);
        }
    }
}

/* --- parked queries ------------------------------------------------------------------------ */

static void reply_nothing(struct interest_next_piece *m)
{
    m->claim = (struct claim){0};
    msg_reply(&m->msg);
}

/* Replies to M if its peer can claim blocks, or never will; false: park it. */
static bool try_next_piece(struct interest_stat *is, struct interest_next_piece *m)
{
    if (is->shutdown || interest_table_is_complete(is->table) || !id_map_get(&is->peers, m->peer)) {
        reply_nothing(m);
        return true;
    }
    if (!interest_table_next_piece(is->table, m->peer, m->n_blocks, &m->claim))
        return false;
    msg_reply(&m->msg);
    return true;
}

static void park(struct interest_stat *is, struct interest_next_piece *m)
{
    mem_reserve(&is->parked, &is->parked_room, is->n_parked + 1,
                sizeof(struct interest_next_piece *));
    is->parked[is->n_parked++] = m;
}

static void retry_parked(struct interest_stat *is)
{
    bool all = is->shutdown || interest_table_is_complete(is->table) ||
               is->generation != interest_table_generation(is->table);
    size_t n = 0;

    if (!all && !is->any_retry)
        return;
    is->generation = interest_table_generation(is->table);
    is->any_retry = false;
    for (size_t i = 0; i < is->n_parked; i++) {
        struct interest_next_piece *m = is->parked[i];
        struct stat_peer *p = id_map_get(&is->peers, m->peer);

        if ((all || p->retry) && try_next_piece(is, m))
            continue;
        p->retry = false;
        is->parked[n++] = m;
    }
    is->n_parked = n;
}

/* --- messages ------------------------------------------------------------------------------ */

static void on_have_piece(struct interest_stat *is, struct interest_have_piece *m)
{
    m->have = interest_table_have_piece(is->table, m->piece);
    msg_reply(&m->msg);
}

static void on_next_piece(struct interest_stat *is, struct interest_next_piece *m)
{
    if (!try_next_piece(is, m))
        park(is, m);
}

static void on_requested_from_seeder(struct interest_stat *is,
                                     struct interest_requested_from_seeder *m)
{
    interest_table_requested(is->table, m->peer, m->claim, CLAIM_FROM_SEEDER);
}

static void on_requested_from_leecher(struct interest_stat *is,
                                      struct interest_requested_from_leecher *m)
{
    interest_table_requested(is->table, m->peer, m->claim, CLAIM_FROM_LEECHER);
}

static void send_have(struct interest_stat *is, struct stat_peer *p, uint32_t piece)
{
    struct peer_have *m;

    if (is->shutdown)
        return;
    m = peer_new_have();
    m->piece = piece;
    peer_tell_or_drop_have(p->inbox, m);
}

static void on_peer_joined(struct interest_stat *is, struct interest_peer_joined *m)
{
    struct stat_peer *p = NEW(struct stat_peer);

    p->inbox = m->inbox;
    id_map_put(&is->peers, m->peer, p);
    interest_table_peer_joined(is->table, m->peer, p, &m->has, m->has_all);
    bitfield_deinit(&m->has);
    /* Pieces that were verified since its handshake. */
    for (uint32_t i = m->n_seen - is->n_initial; i < is->n_verified; i++)
        send_have(is, p, is->verified[i]);
    send_effects(is);
}

static void on_peer_left(struct interest_stat *is, struct interest_peer_left *m)
{
    struct stat_peer *p = id_map_remove(&is->peers, m->peer);
    size_t n = 0;

    if (p) {
        interest_table_peer_left(is->table, m->peer);
        send_effects(is);
        free(p);
    }
    for (size_t i = 0; i < is->n_parked; i++) {
        if (is->parked[i]->peer == m->peer)
            reply_nothing(is->parked[i]);
        else
            is->parked[n++] = is->parked[i];
    }
    is->n_parked = n;
    msg_reply(&m->msg);
}

static void on_peer_got_piece(struct interest_stat *is, struct interest_peer_got_piece *m)
{
    struct stat_peer *p = id_map_get(&is->peers, m->peer);
    bool useful = false;

    for (uint32_t i = 0; i < m->pieces.n; i++)
        useful |= interest_table_peer_got_piece(is->table, m->peer, m->pieces.pieces[i]);
    if (m->has_all || m->has.bytes)
        useful |= interest_table_peer_got_pieces(is->table, m->peer, m->has_all ? NULL : &m->has);
    if (p && useful)
        p->retry = is->any_retry = true;
    send_effects(is);
    msg_reply(&m->msg);
}

static void on_peer_lost_piece(struct interest_stat *is, struct interest_peer_lost_piece *m)
{
    for (uint32_t i = 0; i < m->pieces.n; i++)
        interest_table_peer_lost_piece(is->table, m->peer, m->pieces.pieces[i]);
    send_effects(is);
    msg_reply(&m->msg);
}

static void on_piece_suggested(struct interest_stat *is, struct interest_piece_suggested *m)
{
    for (uint32_t i = 0; i < m->pieces.n; i++)
        interest_table_suggested(is->table, m->peer, m->pieces.pieces[i]);
    msg_reply(&m->msg);
}

/* Only a SuperSeeder uses it. */
static void on_peer_not_interested(struct interest_stat *is, struct interest_peer_not_interested *m)
{
    msg_reply(&m->msg);
}

static void announce_piece(struct interest_stat *is, uint32_t piece)
{
    uint32_t cursor = 0;
    struct lobby_have *to_lobby = lobby_new_have();
    struct stat_peer *p;

    to_lobby->swarm = is->torrent->swarm;
    to_lobby->piece = piece;
    lobby_tell_or_drop_have(is->lobby, to_lobby);
    if (is->n_verified < is->torrent->geometry.n_pieces - is->n_initial)
        is->verified[is->n_verified++] = piece; /* full only when one was verified twice */
    while ((p = interest_table_next_peer_without(is->table, piece, &cursor)))
        send_have(is, p, piece);
}

static void check_for_completion(struct interest_stat *is)
{
    struct master_torrent_completed *m;

    if (is->completed || !interest_table_is_complete(is->table))
        return;
    is->completed = true;
    log_debug("interest", "torrent %u: all wanted pieces are verified", is->torrent->swarm->id);
    m = master_new_torrent_completed();
    m->torrent = is->torrent;
    master_tell_or_drop_torrent_completed(is->master, m);
}

static void on_piece_completed(struct interest_stat *is, struct interest_piece_completed *m)
{
    if (!interest_table_piece_completed(is->table, m->piece))
        return;
    announce_piece(is, m->piece);
    send_effects(is);
    check_for_completion(is);
}

static void on_piece_failed(struct interest_stat *is, struct interest_piece_failed *m)
{
    interest_table_piece_failed(is->table, m->piece);
    send_effects(is);
}

static void on_blocks_stored(struct interest_stat *is, struct interest_blocks_stored *m)
{
    interest_table_blocks_stored(is->table, m->claim, m->piece, m->first_block, m->blocks);
    send_effects(is);
}

static void on_claim_returned(struct interest_stat *is, struct interest_claim_returned *m)
{
    interest_table_claim_returned(is->table, m->peer, m->claim);
    send_effects(is);
}

static void on_progress(struct interest_stat *is, struct interest_progress *m)
{
    struct interest_numbers n = interest_table_progress(is->table);

    m->verified = n.verified;
    m->wanted = n.wanted;
    m->stored = n.stored;
    m->n_verified = n.n_verified;
    m->n_peers = n.n_peers;
    m->n_seeders = n.n_seeders;
    m->availability = n.availability;
    msg_reply(&m->msg);
}

static void on_shutdown(struct interest_stat *is, struct interest_shutdown *m)
{
    is->shutdown = m;
    channel_close(&is->torrent->interest.channel);
}

MSG_DISPATCH(interest, INTEREST_TABLE, struct interest_stat);

static void *run(void *arg)
{
    struct interest_stat *is = arg;
    struct channel *inbox = &is->torrent->interest.channel;
    struct msg *m;

    check_for_completion(is);
    while (!is->shutdown) {
        m = channel_receive_wait(inbox, is->n_parked ? NS_PER_S : UINT64_MAX);
        interest_table_tick(is->table, clock_now());
        for (; m; m = channel_receive(inbox))
            interest_dispatch(is, m);
        retry_parked(is);
        send_effects(is);
    }
    /* The inbox is closed and every other query has its reply. */
    msg_reply(&is->shutdown->msg);
    return NULL;
}

static void stat_free(struct interest_stat *is)
{
    for (uint32_t i = 0; i < is->peers.n_slots; i++)
        free(is->peers.slots[i].value);
    id_map_deinit(&is->peers);
    interest_table_free(is->table);
    free(is->parked);
    free(is->verified);
    free(is);
}

static uint64_t padding(const void *meta, uint32_t piece, uint32_t first_block)
{
    return padding_blocks(meta, piece, first_block);
}

struct interest_stat *interest_stat_start(struct torrent *t, struct bitfield *have,
                                          const struct stored_blocks *stored,
                                          struct master_inbox *master, struct lobby_inbox *lobby)
{
    struct interest_stat *is = NEW(struct interest_stat);
    int r;

    owner_assert(&is->starter);
    is->torrent = t;
    is->master = master;
    is->lobby = lobby;
    rng_seed_from_kernel(&is->rng);
    is->n_initial = have->n_set;
    is->verified = mem_new_array(have->n_bits - have->n_set + 1, sizeof *is->verified);
    is->table = interest_table_new(&t->geometry, &t->wanted, have, &is->rng);
    if (!is->table) {
        stat_free(is);
        errno = ENOMEM;
        return NULL;
    }
    interest_table_set_padding(is->table, padding, t->meta);
    interest_table_add_stored(is->table, stored);
    waker_init_futex(&t->interest_waker);
    channel_init(&t->interest.channel, &t->interest_waker);
    r = actor_start(&is->actor, "interest", run, is);
    if (r) {
        channel_close(&t->interest.channel);
        stat_free(is);
        errno = -r;
        return NULL;
    }
    return is;
}

void interest_stat_join(struct interest_stat *is)
{
    if (!is)
        return;
    owner_assert(&is->starter);
    actor_join(&is->actor);
    stat_free(is);
}
