/* SPDX-License-Identifier: MIT */
#include "actors/lobby/newcomer.h"

#include <string.h>
#include <sys/epoll.h>

#include "actors/lobby/idle.h"
#include "actors/lobby/internal.h"
#include "actors/lobby/peers.h"
#include "conjure/base/log.h"
#include "conjure/swarm/twins.h"

#define FACILITY "lobby"

static bool is_incoming(const struct newcomer *n)
{
    return n->source == PEER_SOURCE_INCOMING;
}

/* Whether N is refused because the same peer is connected already. */
static bool is_duplicate(struct lobby *l, const struct newcomer *n, const struct peer_key *key)
{
    struct peer *p = lobby_peers_find(l, key);
    struct twin present;

    if (!p)
        return false;
    present = (struct twin){.direction = p->incoming ? TWIN_INCOMING : TWIN_DIALLED,
                            .age_ns = l->now - p->connected_ns,
                            .has_twin = p->has_twin};
    if (twin_admit(&present, is_incoming(n) ? TWIN_INCOMING : TWIN_DIALLED,
                   l->options.times->twins_ns) == TWIN_ADMIT)
        return false;
    if (!is_incoming(n))
        candidates_connected(&n->torrent->candidates, &n->addr, p->id);
    return true;
}

static void join_choker(struct lobby *l, struct peer *p, bool fast)
{
    struct choker_peer_joined *m = choker_new_peer_joined();

    m->peer = p->id;
    m->torrent = p->torrent;
    m->inbox = &p->inbox;
    m->host = addr_host(&p->addr);
    m->fast = fast;
    p->joined_choker = choker_tell_peer_joined(l->env.choker, m);
    if (!p->joined_choker)
        msg_free(&m->msg);
}

static void become_peer(struct lobby *l, struct newcomer *n, const struct peer_key *key)
{
    struct lobby_torrent *t = n->torrent;
    struct peer_options options = {.addr = n->addr,
                                   .id = lobby_peers_new_id(l),
                                   .fast = n->handshake.fast,
                                   .seeding = !t->n_missing,
                                   .have = lobby_torrent_have(t)};
    struct peer *p = peer_new(&l->env, t->torrent, &n->stream, &options, l->now);

    p->key = *key;
    p->incoming = is_incoming(n);
    p->n_seen = t->have.n_set;
    p->lobby_torrent = t;
    lobby_peers_add(l, p);
    if (t->super_seed)
        peer_super_seed(p);
    if (p->session.keep_bitfield)
        list_append(&l->peers.silent, &p->in_queue);
    if (!p->incoming)
        candidates_connected(&t->candidates, &p->addr, p->id);
    lobby_peer_watch(l, p, EPOLL_CTL_ADD);
    if (n->handshake.extended)
        session_set_extensions(&p->session, &extensions_ours, t->swarm->is_private);
    session_send_have_set(&p->session, t->super_seed ? NULL : &t->have);
    /* A super-seeder hides that it has every piece: no upload_only. */
    session_send_extension_handshake(&p->session, t->swarm->port,
                                     p->seeding && !t->super_seed ? SESSION_UPLOADS_ONLY
                                                                  : SESSION_WANTS_PIECES);
    join_choker(l, p, n->handshake.fast);
    if (p->has_twin && twin_closes_at_once(key->peer_id))
        lobby_peer_close_twin(l, p);
    if (p->state == PEER_IN_LOBBY)
        idle_begin(l, p);
}

void newcomer_admit(struct lobby *l, struct newcomer *n)
{
    struct lobby_torrent *t = n->torrent;
    struct peer_key key = {.torrent = t->number, .host = addr_host(&n->addr)};
    const char *refusal = NULL;

    owner_assert(&l->owner);
    memcpy(key.peer_id, n->handshake.peer_id, sizeof key.peer_id);
    if (!memcmp(key.peer_id, t->swarm->peer_id, sizeof key.peer_id)) {
        refusal = "a connection to ourselves";
        if (!is_incoming(n))
            candidates_release(&t->candidates, &n->addr, CANDIDATE_NEVER, l->now);
    } else if (is_duplicate(l, n, &key)) {
        refusal = "connected already";
    }
    if (log_threshold >= LOG_LEVEL_DEBUG) {
        char text[ADDR_TEXT_MAX];

        log_debug(FACILITY, "%s: %s%s", addr_format(&n->addr, text),
                  refusal ? refusal : "connected", !refusal && n->handshake.fast ? ", fast" : "");
    }
    if (refusal) {
        stream_close(&n->stream);
        hosts_remove(&l->hosts, &n->addr);
    } else {
        become_peer(l, n, &key);
    }
}
