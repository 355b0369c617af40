/* SPDX-License-Identifier: MIT */
#include "actors/lobby/torrents.h"

#include <stdlib.h>

#include "conjure/actors/peer.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

#define ASK_EVERY_NS  (30 * NS_PER_S) /* for peers */
#define CHOKED_MAX_NS (60 * NS_PER_S) /* a peer that chokes us for longer is useless */

void lobby_torrents_init(struct lobby_torrents *ts)
{
    *ts = (struct lobby_torrents){.by_swarm = KEY_MAP(struct lobby_torrent, swarm),
                                  .by_hash = KEY_MAP(struct lobby_torrent, info_hash)};
    list_init(&ts->drained);
}

void lobby_torrents_deinit(struct lobby_torrents *ts)
{
    key_map_deinit(&ts->by_swarm);
    key_map_deinit(&ts->by_hash);
    due_heap_deinit(&ts->due);
}

struct lobby_torrent *lobby_torrents_find(const struct lobby_torrents *ts,
                                          const struct swarm *swarm)
{
    return key_map_get(&ts->by_swarm, &swarm);
}

struct lobby_torrent *lobby_torrents_find_hash(const struct lobby_torrents *ts,
                                               const struct info_hash *info_hash)
{
    return key_map_get(&ts->by_hash, info_hash);
}

void lobby_torrents_due(struct lobby_torrents *ts, struct lobby_torrent *t, uint64_t at_ns)
{
    if (at_ns != UINT64_MAX && (!t->due.place || at_ns < t->due.at_ns))
        due_heap_set(&ts->due, &t->due, at_ns);
}

struct lobby_torrent *lobby_torrents_next_due(struct lobby_torrents *ts, uint64_t now)
{
    struct due *due = due_heap_pop_due(&ts->due, now);

    return due ? container_of(due, struct lobby_torrent, due) : NULL;
}

/* Reads the session of a peer only while the Lobby owns it. A thread has it while data can move. */
static bool is_useful(const struct peer *p, uint64_t now)
{
    return p->state == PEER_IN_THREAD || (p->state == PEER_IN_LOBBY && p->session.we_interested &&
                                          now - p->idle_since_ns < CHOKED_MAX_NS);
}

bool lobby_torrent_is_alone(struct lobby_torrent *t, uint64_t now)
{
    if (!t->n_peers)
        return true;
    if (t->counted_ns && now - t->counted_ns < NS_PER_S)
        return t->is_alone;
    t->counted_ns = now;
    t->is_alone = true;
    for (struct list *at = t->peers.next; t->is_alone && at != &t->peers; at = at->next)
        t->is_alone = !is_useful(container_of(at, struct peer, in_torrent), now);
    return t->is_alone;
}

bool lobby_torrents_must_ask(struct lobby_torrents *ts, struct lobby_torrent *t, uint64_t now)
{
    bool must_ask;

    if (!t->n_missing || t->removal)
        return false;
    must_ask = now - t->asked_ns >= ASK_EVERY_NS;
    if (must_ask)
        t->asked_ns = now;
    lobby_torrents_due(ts, t, t->asked_ns + ASK_EVERY_NS);
    return must_ask && lobby_torrent_is_alone(t, now);
}

static bool wants_piece(const struct lobby_torrent *t, uint32_t piece)
{
    return !t->torrent->wanted.bytes || bitfield_test(&t->torrent->wanted, piece);
}

struct lobby_torrent *lobby_torrents_add(struct lobby_torrents *ts, struct lobby_torrent_added *m,
                                         uint64_t retry_ns, uint64_t now)
{
    struct lobby_torrent *t = NEW(struct lobby_torrent), *former;

    t->torrent = m->torrent;
    t->swarm = m->torrent->swarm;
    t->info_hash = t->swarm->info_hash;
    t->have = m->have;
    t->super_seed = m->super_seed;
    for (uint32_t i = 0; i < t->have.n_bits; i++)
        t->n_missing += wants_piece(t, i) && !bitfield_test(&t->have, i);
    t->number = ts->n_ever++;
    t->asked_ns = now;
    candidates_init(&t->candidates, t->swarm, retry_ns, &ts->n_candidates);
    list_init(&t->peers);
    list_init(&t->handshakes);
    dial_turn_init(&t->turn);
    key_map_put(&ts->by_swarm, t);
    former = lobby_torrents_find_hash(ts, &t->info_hash);
    if (!former || former->removal)
        key_map_put(&ts->by_hash, t);
    if (t->n_missing)
        lobby_torrents_due(ts, t, t->asked_ns + ASK_EVERY_NS);
    return t;
}

void lobby_torrent_verified(struct lobby_torrent *t, uint32_t piece)
{
    if (bitfield_set(&t->have, piece))
        t->n_missing -= wants_piece(t, piece);
}

const struct bitfield *lobby_torrent_have(const struct lobby_torrent *t)
{
    return bitfield_all(&t->have) ? NULL : &t->have;
}

void lobby_torrents_left(struct lobby_torrents *ts, struct lobby_torrent *t)
{
    if (t->removal && !t->n_peers && !t->n_handshakes)
        list_append(&ts->drained, &t->in_drained);
}

void lobby_torrents_remove(struct lobby_torrents *ts, struct lobby_torrent *t,
                           struct lobby_torrent_removed *m)
{
    t->removal = m;
    due_heap_remove(&ts->due, &t->due);
    dial_queue_remove(&t->turn);
    candidates_deinit(&t->candidates);
    lobby_torrents_left(ts, t);
}

void lobby_torrents_free_drained(struct lobby_torrents *ts)
{
    struct list *first;

    while ((first = list_first(&ts->drained))) {
        struct lobby_torrent *t = container_of(first, struct lobby_torrent, in_drained);

        list_remove(first);
        due_heap_remove(&ts->due, &t->due);
        key_map_remove(&ts->by_swarm, &t->swarm);
        if (lobby_torrents_find_hash(ts, &t->info_hash) == t)
            key_map_remove(&ts->by_hash, &t->info_hash);
        msg_reply(&t->removal->msg);
        bitfield_deinit(&t->have);
        free(t);
    }
}
