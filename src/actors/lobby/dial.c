/* SPDX-License-Identifier: MIT */
#include "actors/lobby/dial.h"

#include <errno.h>
#include <string.h>

#include "actors/lobby/handshake.h"
#include "actors/lobby/internal.h"
#include "actors/lobby/room.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

#define FACILITY "lobby"

#define EVICTED_MAX 16 /* for dials, between two ticks */
#define TRIES       16 /* addresses that one turn considers */

/* Whether ERROR is a shortage of this system. The address is then retried without a longer
 * back-off. */
static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void dial(struct lobby *l, struct lobby_torrent *t, const struct addr *addr)
{
    struct stream stream;
    int r = stream_dial_tcp(&stream, addr);

    if (is_shortage(-r)) {
        if (troubles_must_log(&l->troubles, TROUBLE_DIAL, l->now))
            log_warning(FACILITY, "cannot dial peers for now: %s", strerror(-r));
        l->dialling.is_paused = true;
        candidates_release(&t->candidates, addr, CANDIDATE_NEUTRAL, l->now);
        return;
    }
    dial_queue_began(&l->dialling.queue, addr, t->turn.class);
    if (r || handshakes_add(l, &stream, addr, PEER_SOURCE_TRACKER, t)) {
        dial_queue_ended(&l->dialling.queue, addr);
        candidates_release(&t->candidates, addr, CANDIDATE_FAILED, l->now);
    }
}

/* Whether there is a place for a connection that T dials. */
static bool has_place(struct lobby *l, const struct lobby_torrent *t, const struct addr *addr)
{
    /* An eighth is reserved for incoming connections: we may not be able to dial those peers. */
    if (lobby_n_connections(l) < l->options.max_peers - l->options.max_peers / 8)
        return true;
    if (t->turn.class == DIAL_SEED || l->dialling.n_evicted == EVICTED_MAX)
        return false;
    l->dialling.n_evicted++;
    return lobby_make_room(l, addr);
}

static enum dial_class class_of(const struct lobby *l, struct lobby_torrent *t)
{
    if (!t->n_missing)
        return DIAL_SEED;
    return lobby_torrent_is_alone(t, l->now) ? DIAL_DOWNLOAD_ALONE : DIAL_DOWNLOAD;
}

/* One turn of T. Whether it may have the next one at once; if not, *NEXTP is the time for it. */
static bool take_turn(struct lobby *l, struct lobby_torrent *t, uint64_t *nextp)
{
    uint64_t next = l->now + 1; /* the next tick */

    *nextp = next;
    if (t->n_dialling == DIALLING_EACH_MAX)
        return false;
    for (unsigned i = 0; i < TRIES; i++) {
        struct addr addr;
        uint64_t ban_ends;

        if (!candidates_next(&t->candidates, l->now, &addr, nextp))
            return false;
        *nextp = next;
        ban_ends = bans_until(&l->bans, &addr, l->now);
        if (ban_ends) {
            candidates_hold(&t->candidates, &addr, ban_ends);
        } else if (!dial_queue_allows(&l->dialling.queue, &addr)) {
            candidates_hold(&t->candidates, &addr, next);
        } else if (!has_place(l, t, &addr)) {
            candidates_hold(&t->candidates, &addr, next);
            return false;
        } else {
            dial(l, t, &addr);
            return true;
        }
    }
    return false;
}

void lobby_dial(struct lobby *l, struct lobby_torrent *t)
{
    owner_assert(&l->owner);
    if (!t->removal && t->candidates.n)
        dial_queue_put(&l->dialling.queue, &t->turn, class_of(l, t));
}

void dialling_run(struct lobby *l)
{
    struct dial_turn *turn;

    owner_assert(&l->owner);
    while (!l->shutdown && !l->dialling.is_paused && (turn = dial_queue_take(&l->dialling.queue))) {
        struct lobby_torrent *t = container_of(turn, struct lobby_torrent, turn);
        enum dial_class class = class_of(l, t);
        uint64_t next;

        if (turn->class != class || take_turn(l, t, &next))
            dial_queue_put(&l->dialling.queue, turn, class);
        else
            lobby_torrents_due(&l->torrents, t, next);
    }
}

void dialling_tick(struct lobby *l)
{
    owner_assert(&l->owner);
    l->dialling.is_paused = false;
    l->dialling.n_evicted = 0;
    dial_queue_tick(&l->dialling.queue);
}
